//! Sharing a run: as an address, or as a file.

use gloo_timers::callback::Timeout;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

use faultline::sim::run::tape::{Link, MOST_TEXT};

use super::player::{Notice, Player};
use super::{json, keys};
use crate::view::{click, on, when};

/// The longest file that is read, in bytes: the run's text and a little more.
const MOST_FILE: f64 = (MOST_TEXT + 4_096) as f64;

/// An address of more characters is cut by some programs.
const LONG: usize = 2_000;

/// The number of the file's format; later formats have other numbers.
const FORMAT: u32 = 1;

fn say(player: Player, sentence: &str) {
    player.notice.set(Some(Notice(sentence.to_owned())));
}

/// What a link is of.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// The whole run, standing where the reader stands.
    All,
    /// What has happened so far.
    SoFar,
}

fn copy(player: Player, of: Of) {
    let address = player.address_of(&if of == Of::All { player.link_of_all() } else { player.link() });
    // If the browser refuses to change the address, there is still the clipboard.
    crate::address::show(&address);
    let clipboard = window().navigator().clipboard();
    if clipboard.is_undefined() {
        say(player, "The link is in the address bar.");
        return;
    }
    let is_long = address.len() > LONG;
    spawn_local(async move {
        let copied = JsFuture::from(clipboard.write_text(&address)).await.is_ok();
        let sentence = match copied {
            true if is_long => {
                "Copied. It is a long link, and some programs cut links after 2,000 characters: Export gives the run as a file."
            }
            true if of == Of::SoFar => {
                "Copied: this link replays the run up to this event; what comes after it is left out."
            }
            true => "Copied: this link replays exactly this run, and opens at this event.",
            false => "The browser did not let the page copy. The link is in the address bar.",
        };
        say(player, sentence);
        forget_soon(player, sentence);
    });
}

/// How long a passing notice stays, in milliseconds.
const PASSING: u32 = 8_000;

/// Takes a passing notice away after a while, unless another one has come or the reader has left.
fn forget_soon(player: Player, sentence: &'static str) {
    let later = Timeout::new(PASSING, move || {
        let is_there =
            player.notice.try_with_untracked(|notice| notice.as_ref().is_some_and(|notice| notice.0 == sentence));
        if is_there == Some(true) {
            player.notice.set(None);
        }
    });
    later.forget();
}

fn export(player: Player) {
    let link = player.link();
    let file = json::object([
        ("faultline", FORMAT.into()),
        ("scenario", link.scenario.as_str().into()),
        ("step", (link.step as f64).into()),
        ("run", link.encode().into()),
    ]);
    let text = json::text(&file, 2);
    let name = format!("{}-{}.json", link.scenario.replace('/', "-"), link.step);
    if download(&text, &name).is_err() {
        say(player, "The browser did not let the page save a file.");
    }
}

fn download(text: &str, name: &str) -> Result<(), JsValue> {
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    let blob = web_sys::Blob::new_with_str_sequence(&parts)?;
    let url = web_sys::Url::create_object_url_with_blob(&blob)?;
    let link: web_sys::HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    web_sys::Url::revoke_object_url(&url)
}

/// Reads a file's text: the run, or a sentence that says what is wrong with it.
fn read(player: Player, text: &str) -> Result<Link, String> {
    let fields = || {
        let file = json::parse(text)?;
        let text = |name: &str| json::field(&file, name).as_string();
        Some((json::whole(&json::field(&file, "faultline"))?, text("scenario")?, text("run")?))
    };
    let (format, scenario, run) = fields().ok_or("This file is not a run exported from Faultline.")?;
    if format != FORMAT as usize {
        return Err("This file was made by a later version of Faultline.".to_owned());
    }
    let here = player.info().path();
    if scenario != here {
        return Err(format!("This run belongs to {scenario}; open that scenario first."));
    }
    Link::decode(&here, &run).map_err(|bad| bad.to_string().replace("link", "file"))
}

fn import(player: Player, input: NodeRef<html::Input>) {
    let Some(input) = input.get_untracked() else { return };
    let Some(file) = input.files().and_then(|files| files.get(0)) else { return };
    if file.size() > MOST_FILE {
        say(player, "This file is too large to be a run; the run you had is untouched.");
        input.set_value("");
        return;
    }
    spawn_local(async move {
        let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
        match text.ok_or_else(|| "The file could not be read.".to_owned()).and_then(|text| read(player, &text)) {
            Ok(link) => player.open(&link),
            Err(sentence) => say(player, &format!("{sentence} The run you had is untouched.")),
        }
        input.set_value("");
    });
}

/// Copy link, export, import, and the list of keys.
#[component]
pub fn ShareButtons(player: Player) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let choose = click(move || {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    });
    view! {
        <button class="quiet" title="The whole run, standing here" on:click=click(move || copy(player, Of::All))>"Copy link"</button>
        {when(move || player.has_more(), move || view! {
            <button class="quiet" title="Without what was done after this event"
                on:click=click(move || copy(player, Of::SoFar))>"Copy up to here"</button>
        }.into_any())}
        <button class="quiet" on:click=click(move || export(player))>"Export"</button>
        <button class="quiet" on:click=choose>"Import"</button>
        <input node_ref=input class="visually-hidden" type="file" accept="application/json,.json" tabindex="-1"
            aria-label="A run to import" on:change=on(move |_: web_sys::Event| import(player, input))/>
        <button class="quiet" aria-label="Keys" title="Keys (?)" on:click=click(keys::open_help)>"?"</button>
    }
}
