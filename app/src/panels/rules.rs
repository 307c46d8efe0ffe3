//! Rules and load: switches, settings, the seed, and client commands.

use leptos::prelude::*;
use web_sys::Event;

use faultline::lab::what_if::show_value;
use faultline::sim::declare::commands::{Command, CommandCall, CommandId, Entry};
use faultline::sim::declare::rules::{Rule, RuleId};
use faultline::sim::declare::settings::{Control, Setting, SettingId, Takes};
use faultline::sim::declare::text;
use faultline::sim::run::tape::Input;

use crate::player::Player;
use crate::view::{Handler, Views, click, on, option, ticked, typed};

/// See the module's header.
#[component]
pub fn Rules(player: Player) -> impl IntoView {
    let info = player.info();
    view! {
        <div class="rules">
            <section>
                <h3>"Commands"</h3>
                {info.commands.iter().map(|(index, command)| view! { <CommandForm player index=*index command/> }).views()}
            </section>
            <section hidden=info.rules.is_empty()>
                <h3>"Rules"</h3>
                {info.rules.iter().map(|(id, rule)| view! { <RuleSwitch player id=*id rule/> }).views()}
            </section>
            <section>
                <h3>"Settings"</h3>
                <Presets player/>
                {info.settings.iter().map(|(id, setting, _)| view! { <SettingControl player id=*id setting/> }).views()}
                <Seed player/>
            </section>
        </div>
    }
}

#[component]
fn RuleSwitch(player: Player, id: RuleId, rule: &'static Rule) -> impl IntoView {
    let on = move || {
        player.changed();
        player.rule_on(id)
    };
    view! {
        <label class="rule" data-rule=rule.id>
            <input type="checkbox" role="switch" prop:checked=move || on() on:change=ticked(move |on| player.set_rule(id, on))/>
            <span><b>{rule.title}</b> <small>{rule.about}</small></span>
        </label>
        <a class="rule-in-practice" href=format!("#rule-{}", rule.id) aria-label=format!("{}, in real systems", rule.title)>"In real systems"</a>
    }
}

/// Settings that are turned together, a button each.
#[component]
fn Presets(player: Player) -> impl IntoView {
    let presets = player.info().presets.clone();
    let is_empty = presets.is_empty();
    let buttons = presets.into_iter().map(|(title, settings)| {
        view! { <button class="quiet" on:click=click(move || player.set_settings(settings))>{title}</button> }
    });
    view! { <p class="presets" hidden=is_empty>{buttons.views()}</p> }
}

#[component]
fn SettingControl(player: Player, id: SettingId, setting: &'static Setting) -> impl IntoView {
    let value = move || {
        player.changed();
        player.setting(id)
    };
    let change = typed(move |text| {
        if let Ok(value) = text.parse() {
            player.set_settings(&[(id, value)]);
        }
    });
    let input = match setting.control {
        Control::Slider { min, max, step, .. } => view! {
            <input type="range" aria-label=setting.title min=min.to_string() max=max.to_string() step=step.to_string() prop:value=move || value().to_string()
                aria-valuetext=move || show_value(&setting.control, value()) on:change=change/>
        }
        .into_any(),
        Control::Choice(options) => {
            let now = value();
            let options = options.iter().enumerate().map(|(index, title)| option(index, title, index as i64 == now));
            view! {
                <select aria-label=setting.title prop:value=move || value().to_string() on:change=change>{options.views()}</select>
            }
            .into_any()
        }
        Control::Toggle => view! {
            <input type="checkbox" role="switch" aria-label=setting.title prop:checked=move || value() != 0
                on:change=ticked(move |on| player.set_settings(&[(id, i64::from(on))]))/>
        }
        .into_any(),
    };
    let hint = if setting.takes == Takes::AtStart { " Starts a new run." } else { "" };
    view! {
        <div class="setting" data-setting=setting.id>
            <span class="setting-title">{setting.title} <output>{move || show_value(&setting.control, value())}</output></span>
            {input}
            <small>{format!("{}{hint}", setting.about)}</small>
        </div>
    }
}

#[component]
fn Seed(player: Player) -> impl IntoView {
    let seed = move || {
        player.changed();
        player.origin().seed
    };
    let set = move |seed: u64| {
        let mut origin = player.origin();
        origin.seed = seed;
        player.set_origin(origin);
    };
    view! {
        <div class="setting">
            <label class="setting-title">"Seed "
                <input type="number" min="0" prop:value=move || seed().to_string()
                    on:change=typed(move |value| { if let Ok(seed) = value.parse() { set(seed); } })/>
            </label>
            <button on:click=click(move || set(seed() + 1))>"New seed"</button>
            <small>"The same seed and the same inputs give the same run. Starts a new run."</small>
        </div>
    }
}

#[component]
fn CommandForm(player: Player, index: CommandId, command: &'static Command) -> impl IntoView {
    let values = RwSignal::new(command.complete(&[]));
    let set = move |at: usize, own: &[i64]| values.update(|values| values[at..at + own.len()].copy_from_slice(own));
    let send = on(move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        player.act(Input::Command(CommandCall { command: index, values: values.get_untracked() }));
    });
    let mut next = 0;
    let places = command.fields.iter().map(|field| {
        let at = next;
        next += field.width();
        (field, at)
    });
    let fields = places.map(|(field, at)| match field.entry {
        Entry::Value(control, default) => {
            let set = move |typed: String| typed.parse().into_iter().for_each(|value| set(at, &[value]));
            number_field(field.title, control, default, typed(set))
        }
        Entry::Text(suggestions) => {
            let list = format!("{}-{at}", command.id);
            let set = move |typed: String| text::pack(&typed).iter().for_each(|own| set(at, own));
            text_entry(field.title, suggestions, list, typed(set))
        }
    });
    view! {
        <form class="command" data-command=command.id on:submit=send title=command.about>
            <button type="submit">{command.title}</button>
            {fields.views()}
        </form>
    }
}

fn number_field(title: &'static str, control: Control, default: i64, set: Handler<Event>) -> AnyView {
    match control {
        Control::Choice(options) => {
            let options =
                options.iter().enumerate().map(|(index, title)| option(index, title, index as i64 == default));
            view! { <select aria-label=title on:change=set>{options.views()}</select> }.into_any()
        }
        control => {
            let (min, max) = control.bounds();
            view! {
                <input type="number" aria-label=title min=min.to_string() max=max.to_string() value=default.to_string() on:input=set/>
            }
            .into_any()
        }
    }
}

/// The browser itself rejects characters that a text may not have, and says so.
fn text_entry(title: &'static str, suggestions: &'static [&'static str], list: String, set: Handler<Event>) -> AnyView {
    view! {
        <input type="text" class="typed" aria-label=title list=list.clone() value=suggestions.first().copied().unwrap_or_default()
            maxlength=text::MOST.to_string() pattern="[!-~]*" title="Letters, digits and symbols, without spaces." placeholder="(empty)"
            autocomplete="off" autocapitalize="none" spellcheck="false" on:input=set/>
        <datalist id=list>{suggestions.iter().map(|text| option(text, "", false)).views()}</datalist>
    }
    .into_any()
}
