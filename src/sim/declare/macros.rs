//! Lists in which a thing's id is its position: one line per thing, so an id and its description cannot drift apart.
//!
//! Each macro defines a constant for each line and the whole list: `SETTINGS`, `RULES`, `COMMANDS`. Two siblings stand
//! beside what they declare: `metrics!` in `sim::measure::metrics`, and `purposes!` in `sim::kernel::random`, where a
//! ninth does not compile.

/// A system's settings: a name in code, a stable name, a title, the control, the default, when a change takes effect,
/// and a sentence.
#[macro_export]
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:expr, $control:expr, $default:expr, $takes:ident, $about:expr;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum SettingPlace { $($name),* }
        $($(#[$doc])* pub const $name: $crate::sim::declare::settings::SettingId =
            $crate::sim::declare::settings::SettingId(SettingPlace::$name as u8);)*
        /// What a reader may turn.
        pub const SETTINGS: &[$crate::sim::declare::settings::Setting] = &[$($crate::sim::declare::settings::Setting {
            id: $id,
            title: $title,
            about: $about,
            control: $control,
            default: $default,
            takes: $crate::sim::declare::settings::Takes::$takes,
        }),*];
    };
}

/// A system's rules: a name in code, a stable name, a title, and a sentence.
#[macro_export]
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:expr, $about:expr;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum RulePlace { $($name),* }
        $($(#[$doc])* pub const $name: $crate::sim::declare::rules::RuleId =
            $crate::sim::declare::rules::RuleId(RulePlace::$name as u8);)*
        /// The rules that make it correct.
        pub const RULES: &[$crate::sim::declare::rules::Rule] =
            &[$($crate::sim::declare::rules::Rule { id: $id, title: $title, about: $about }),*];
    };
}

/// What a client may ask of a system: a name in code, a stable name, what the button says, what a call says (see
/// [`Command::says`](crate::sim::declare::commands::Command::says)), a sentence, and the fields.
#[macro_export]
macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:expr, $says:expr, $about:expr, $fields:expr;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum CommandPlace { $($name),* }
        $($(#[$doc])* pub const $name: $crate::sim::declare::commands::CommandId =
            $crate::sim::declare::commands::CommandId(CommandPlace::$name as u8);)*
        /// What a client may ask.
        pub const COMMANDS: &[$crate::sim::declare::commands::Command] = &[$($crate::sim::declare::commands::Command {
            id: $id,
            title: $title,
            says: $says,
            about: $about,
            fields: &$fields,
        }),*];
    };
}
