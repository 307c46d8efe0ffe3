//! The SVG of the stage: elements are made once, and changed only where the picture changed.
//!
//! Kept outside Leptos' reactive views: two hundred messages that move sixty times a second are cheapest as cached
//! elements whose transform is set.

use std::sync::Arc;

use leptos::prelude::document;
use litemap::LiteMap;
use wasm_bindgen::JsCast;

use faultline::guides::kit::live::LiveWorld;
use faultline::picture::callout::callouts;
use faultline::picture::decimal::{hundredths, tenths};
use faultline::picture::extent::{Extent, of_figure};
use faultline::picture::geometry::{self, Lane, Point};
use faultline::picture::losses::losses;
use faultline::picture::svg::{self, LinkTrouble};
use faultline::picture::{Figure, FlightMark, Frame, LinkMark, NodeMark, Picture};
use faultline::sim::NodeId;
use faultline::sim::judge::verdict::{Broken, broken};
use faultline::sim::kernel::time::Time;
use faultline::sim::run::Run;
use faultline::sim::run::simulation::{Handled, Simulation};

use super::stops;
use super::text_form::link_words;
use crate::focus::{focus, has_focus};
use crate::player::Selection;

/// Above this many messages in flight, links show a stream as wide as their rate instead of single marks.
const MOST_MARKS: usize = 160;
/// The longest name that a message carries on the stage, in characters.
const LONGEST_NAME: usize = 26;

struct NodeElement {
    group: web_sys::Element,
    body: web_sys::Element,
    ring: web_sys::Element,
    mark: Option<NodeMark>,
}

struct FlightElement {
    group: web_sys::Element,
    glyph: web_sys::Element,
    trail: web_sys::Element,
    mark: FlightMark,
    lane: Lane,
    /// How many letters its name has.
    letters: f64,
    /// Whether it carries its name, where that has room.
    is_named: bool,
}

/// A layer of words: most moments it stays as it is.
struct Words {
    layer: web_sys::Element,
    shown: String,
}

impl Words {
    fn of(layer: web_sys::Element) -> Words {
        Words { layer, shown: String::new() }
    }

    fn show(&mut self, svg: String) {
        if self.shown != svg {
            self.layer.set_inner_html(&svg);
            self.shown = svg;
        }
    }
}

/// What a link looks like, and where it goes.
type LinkLooks = (LinkMark, LinkTrouble, Option<(Point, Point)>);

/// A link is drawn below the nodes, and its stop for the keyboard comes after theirs.
struct LinkElement {
    drawn: web_sys::Element,
    stop: web_sys::Element,
    shown: Option<LinkLooks>,
}

/// See the module's header.
pub struct Scene {
    frame: Frame,
    root: web_sys::Element,
    links: web_sys::Element,
    link_stops: web_sys::Element,
    sets: web_sys::Element,
    figures: web_sys::Element,
    streams: web_sys::Element,
    flights: web_sys::Element,
    nodes: web_sys::Element,
    losses: Words,
    callouts: Words,
    picture: Option<Picture>,
    version: Option<u64>,
    /// What the reader has chosen, and what is drawn as chosen: an event is drawn by its node.
    chosen: Selection,
    selection: Selection,
    beat: Option<usize>,
    looked_at: Vec<NodeId>,
    node_elements: LiteMap<u16, NodeElement>,
    link_elements: LiteMap<(u16, u16), LinkElement>,
    figure_elements: LiteMap<&'static str, (web_sys::Element, Option<Figure>)>,
    flight_elements: LiteMap<u64, FlightElement>,
}

/// An SVG element of this kind with a class.
fn element(kind: &str, class: &str) -> Option<web_sys::Element> {
    let made = document().create_element_ns(Some("http://www.w3.org/2000/svg"), kind).ok()?;
    set(&made, "class", class);
    Some(made)
}

/// Sets an attribute. Names are ours and valid, so this cannot fail.
fn set(element: &web_sys::Element, name: &str, value: &str) {
    let _ = element.set_attribute(name, value);
}

fn append(parent: &web_sys::Element, child: &web_sys::Element) {
    // Only a cycle could make this fail.
    let _ = parent.append_child(child);
}

impl Scene {
    /// An empty stage in this element.
    pub fn new(canvas: &web_sys::Element, frame: Frame) -> Option<Scene> {
        let root = element("svg", "picture")?;
        let (width, height) = frame.size();
        set(&root, "viewBox", &format!("0 0 {width} {height}"));
        set(&root, "role", "group");
        set(&root, "aria-label", "The system. Nodes, links and messages can be chosen; arrow keys move among each.");
        let layer = |class: &str| {
            let group = element("g", class)?;
            append(&root, &group);
            Some(group)
        };
        let scene = Scene {
            frame,
            root: root.clone(),
            sets: layer("sets")?,
            links: layer("links")?,
            figures: layer("figures")?,
            streams: layer("streams")?,
            nodes: layer("nodes")?,
            link_stops: layer("link-stops")?,
            flights: layer("flights")?,
            losses: Words::of(layer("losses")?),
            callouts: Words::of(layer("callouts")?),
            picture: None,
            version: None,
            chosen: Selection::Nothing,
            selection: Selection::Nothing,
            beat: None,
            looked_at: Vec::new(),
            node_elements: LiteMap::new(),
            link_elements: LiteMap::new(),
            figure_elements: LiteMap::new(),
            flight_elements: LiteMap::new(),
        };
        append(canvas, &root);
        Some(scene)
    }

    /// The frame it draws in.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// The picture as it was drawn last.
    pub fn picture(&self) -> Option<&Picture> {
        self.picture.as_ref()
    }

    /// Draws the run at a moment. `version` tells whether the run has changed since last time; `beat` is the tour's
    /// beat that points at something.
    pub fn draw(&mut self, run: &Run<LiveWorld>, version: u64, clock: Time, selection: Selection, beat: Option<usize>) {
        let world = run.world();
        if self.version != Some(version) || self.chosen != selection || self.beat != beat {
            self.version = Some(version);
            self.chosen = selection;
            self.beat = beat;
            self.selection = match selection {
                Selection::Event(step) => {
                    let event = run.branch().event(step);
                    event.map_or(selection, |event| Selection::Node(event.node))
                }
                other => other,
            };
            self.looked_at = beat.map(|beat| world.beat_nodes(beat)).unwrap_or_default();
            let breach = breach_here(run);
            set(&self.root, "class", if breach.is_some() { "picture is-breach" } else { "picture" });
            let picture = world.picture(self.frame);
            self.draw_sets(&picture);
            self.draw_links(world, &picture);
            self.draw_figures(&picture);
            self.draw_nodes(world, &picture);
            self.losses.show(losses(&picture, lately(run)));
            let clash =
                breach.map_or_else(String::new, |broken| callouts(&picture, &broken.breach, &|node| world.name(node)));
            self.callouts.show(clash);
            self.picture = Some(picture);
            self.keep_flights(world, clock);
            [&self.nodes, &self.link_stops, &self.flights].into_iter().for_each(stops::keep);
        }
        self.move_rings(clock);
        self.move_flights(clock);
    }

    fn draw_links(&mut self, world: &LiveWorld, picture: &Picture) {
        for mark in &picture.links {
            let key = (mark.a.0, mark.b.0);
            let (there, back) = (world.kernel().link(mark.a, mark.b), world.kernel().link(mark.b, mark.a));
            let trouble = LinkTrouble {
                cut_forth: there.cut,
                cut_back: back.cut,
                late: there.extra > 0 || back.extra > 0,
                lossy: there.loss_ppm > 0 || back.loss_ppm > 0,
            };
            if !self.link_elements.contains_key(&key) {
                let Some(made) = new_link(key) else { continue };
                append(&self.links, &made.drawn);
                append(&self.link_stops, &made.stop);
                self.link_elements.insert(key, made);
            }
            let selected = self.selection == Selection::Link(mark.a, mark.b);
            // A setting may move a node, and what hangs on it.
            let looks = (*mark, trouble, geometry::link_ends(picture, mark.a, mark.b));
            if let Some(LinkElement { drawn, stop, shown }) = self.link_elements.get_mut(&key) {
                set(drawn, "class", if selected { "link-group is-selected" } else { "link-group" });
                let (a, b, words) = (world.name(mark.a), world.name(mark.b), link_words(world, mark.a, mark.b));
                set(stop, "aria-label", &format!("Link between {a} and {b}, {words}"));
                if *shown != Some(looks) {
                    *shown = Some(looks);
                    drawn.set_inner_html(&with_hit_line(picture, mark, trouble));
                    set(stop, "d", &looks.2.map(svg::line).unwrap_or_default());
                }
            }
        }
        self.link_elements.retain(|key, link| {
            let stays = picture.links.iter().any(|mark| (mark.a.0, mark.b.0) == *key);
            if !stays {
                link.drawn.remove();
                link.stop.remove();
            }
            stays
        });
    }

    fn draw_sets(&self, picture: &Picture) {
        if self.picture.as_ref().is_none_or(|known| (&known.sets, &known.nodes) != (&picture.sets, &picture.nodes)) {
            self.sets.set_inner_html(&svg::sets(picture));
        }
    }

    fn draw_figures(&mut self, picture: &Picture) {
        for figure in &picture.figures {
            if !self.figure_elements.contains_key(figure.id) {
                let Some(group) = element("g", "figure") else { continue };
                append(&self.figures, &group);
                self.figure_elements.insert(figure.id, (group, None));
            }
            if let Some((group, known)) = self.figure_elements.get_mut(figure.id)
                && known.as_ref() != Some(figure)
            {
                set(group, "transform", &format!("translate({} {})", figure.at.0, figure.at.1));
                group.set_inner_html(&svg::figure(figure));
                *known = Some(figure.clone());
            }
        }
        self.figure_elements.retain(|id, (group, _)| {
            let stays = picture.figures.iter().any(|figure| figure.id == *id);
            if !stays {
                group.remove();
            }
            stays
        });
    }

    fn draw_nodes(&mut self, world: &LiveWorld, picture: &Picture) {
        for mark in &picture.nodes {
            let id = mark.node.0;
            if !self.node_elements.contains_key(&id) {
                let Some(made) = new_node(id, &world.name(mark.node)) else { continue };
                append(&self.nodes, &made.group);
                self.node_elements.insert(id, made);
            }
            let selected = self.selection == Selection::Node(mark.node);
            if let Some(node) = self.node_elements.get_mut(&id) {
                let mut class = svg::node_class(mark) + if selected { " is-selected" } else { "" };
                class.push_str(if self.looked_at.contains(&mark.node) { " is-looked-at" } else { "" });
                set(&node.group, "class", &class);
                if node.mark.as_ref() != Some(mark) {
                    set(&node.group, "transform", &format!("translate({} {})", mark.at.0, mark.at.1));
                    set(&node.group, "aria-label", &format!("{} {}", mark.label, svg::state_text(mark)));
                    set(&node.ring, "d", &svg::ring_path(mark).unwrap_or_default());
                    node.body.set_inner_html(&with_hit_box(mark));
                    node.mark = Some(mark.clone());
                }
            }
        }
        self.node_elements.retain(|id, node| {
            let stays = picture.nodes.iter().any(|mark| mark.node.0 == *id);
            if !stays {
                node.group.remove();
            }
            stays
        });
    }

    fn move_rings(&self, clock: Time) {
        let longest = self.picture.as_ref().map_or(1, svg::longest_timer);
        for node in self.node_elements.values() {
            if let Some(dashes) = node.mark.as_ref().and_then(|mark| svg::ring_dashes(mark, longest, clock)) {
                set(&node.ring, "stroke-dasharray", &dashes);
            }
        }
    }

    /// Makes elements for new messages and removes those that are gone.
    fn keep_flights(&mut self, world: &LiveWorld, clock: Time) {
        let mut marks = world.flights();
        let is_stream = marks.len() > MOST_MARKS;
        self.draw_streams(if is_stream { &marks } else { &[] });
        if is_stream {
            marks.retain(|mark| mark.lost.is_some());
        }
        let lanes = geometry::lanes(&marks);
        let mut left_by_focus = None;
        self.flight_elements.retain(|id, flight| {
            let at = marks.binary_search_by_key(id, |mark| mark.id);
            let stays = at.is_ok_and(|at| lanes[at].count > 0);
            if !stays {
                left_by_focus = left_by_focus.or(has_focus(&flight.group).then_some(flight.mark.to.0));
                flight.group.remove();
            }
            stays
        });
        for (mark, lane) in marks.into_iter().zip(lanes).filter(|(_, lane)| lane.count > 0) {
            match self.flight_elements.get_mut(&mark.id) {
                Some(known) if known.lane.count == lane.count => (known.mark, known.lane) = (mark, lane),
                known => {
                    if let Some(known) = known {
                        known.group.remove();
                    }
                    let title = world.message(mark.id).map_or_else(|| "lost".to_owned(), |view| view.title);
                    let Some(made) = new_flight(mark, lane, &title) else { continue };
                    append(&self.flights, &made.group);
                    self.flight_elements.insert(made.mark.id, made);
                }
            }
        }
        // The focus goes where its message went.
        left_by_focus.and_then(|id| self.node_elements.get(&id)).iter().for_each(|node| focus(&node.group));
        self.name_flights();
        self.move_flights(clock);
    }

    /// The first message of each kind carries its name.
    fn name_flights(&mut self) {
        let mut named = Vec::new();
        for (_, flight) in self.flight_elements.iter_mut() {
            flight.is_named = !named.contains(&flight.mark.look);
            named.push(flight.mark.look);
            set(&flight.group, "class", &flight_class(&flight.mark, flight.is_named));
        }
    }

    fn move_flights(&self, clock: Time) {
        let Some(picture) = &self.picture else { return };
        let mut names: Vec<(Point, f64)> = Vec::new();
        for flight in self.flight_elements.values() {
            let Some(spot) = geometry::spot(picture, &flight.mark, flight.lane, clock) else {
                set(&flight.group, "visibility", "hidden");
                continue;
            };
            set(&flight.group, "visibility", "visible");
            let place = format!("transform:translate({}px,{}px)", tenths(spot.x), tenths(spot.y));
            set(&flight.glyph, "style", &place);
            set(&flight.trail, "d", &svg::line((spot.trail, (spot.x, spot.y))));
            let (at, half) = ((spot.x, spot.y), flight.letters * half_letter(picture.frame));
            if flight.is_named && (has_no_room(picture, at, half) || names.iter().any(|other| meet(*other, (at, half))))
            {
                set(&flight.group, "data-near", "");
            } else {
                names.extend(flight.is_named.then_some((at, half)));
                // An attribute that is not there cannot be taken away.
                let _ = flight.group.remove_attribute("data-near");
            }
            if spot.fallen > 0.0 {
                set(&flight.group, "opacity", &hundredths(1.0 - spot.fallen).to_string());
            }
        }
    }

    /// One line per direction of a link; the busier, the wider.
    fn draw_streams(&self, marks: &[FlightMark]) {
        let mut busy: LiteMap<(u16, u16), (usize, &FlightMark)> = LiteMap::new();
        for mark in marks.iter().filter(|mark| mark.lost.is_none()) {
            busy.entry((mark.from.0, mark.to.0)).or_insert((0, mark)).0 += 1;
        }
        let mut text = String::new();
        if let Some(picture) = &self.picture {
            for (count, mark) in busy.values() {
                if let Some(ends) = geometry::link_ends(picture, mark.from, mark.to) {
                    let width = tenths(2.0 + (*count as f64).sqrt() * 1.5);
                    let (tone, path) = (mark.look.tone.class(), svg::line(ends));
                    text.push_str(&format!(
                        r#"<path class="stream {tone}" style="stroke-width:{width}px" d="{path}"/>"#
                    ));
                }
            }
        }
        self.streams.set_inner_html(&text);
    }
}

/// What has happened lately: losses among it are told at their nodes.
fn lately(run: &Run<LiveWorld>) -> impl Iterator<Item = Handled> {
    /// In events.
    const LATELY: u64 = 60;
    let here = run.step_count();
    run.branch().events().from(here.saturating_sub(LATELY) as usize).take(LATELY.min(here) as usize)
}

/// The promise that breaks with the last event or with what was done after it, if one does. What broke with the event is
/// over once something was done.
fn breach_here(run: &Run<LiveWorld>) -> Option<Arc<Broken>> {
    let step = run.step_count();
    let has_acted = !run.branch().tape().after(step).is_empty();
    let was = |promise: usize| run.amid(step, 0).is_some_and(|was| was.standings()[promise].verdict.is_broken());
    let mut all = broken(run.world().standings()).filter(|(_, broken)| broken.step == step);
    all.find(|(promise, _)| !(has_acted && was(*promise))).map(|(_, broken)| Arc::clone(broken))
}

fn new_link((a, b): (u16, u16)) -> Option<LinkElement> {
    let (drawn, stop) = (element("g", "link-group")?, element("path", "link-stop")?);
    set(&drawn, "data-line", &format!("{a}-{b}"));
    set(&stop, "data-link", &format!("{a}-{b}"));
    set(&stop, "tabindex", "-1");
    set(&stop, "role", "button");
    Some(LinkElement { drawn, stop, shown: None })
}

fn new_node(id: u16, name: &str) -> Option<NodeElement> {
    let group = element("g", "node")?;
    set(&group, "data-node", &id.to_string());
    set(&group, "tabindex", "-1");
    set(&group, "role", "button");
    set(&group, "aria-label", name);
    let (body, ring) = (element("g", "body")?, element("path", "ring")?);
    set(&ring, "pathLength", &svg::RING_LENGTH.to_string());
    append(&group, &ring);
    append(&group, &body);
    Some(NodeElement { group, body, ring, mark: None })
}

fn flight_class(mark: &FlightMark, is_named: bool) -> String {
    let lost = if mark.lost.is_some() { " is-lost" } else { "" };
    let named = if is_named { " is-named" } else { "" };
    format!("flight {}{lost}{named}", mark.look.tone.class())
}

fn new_flight(mark: FlightMark, lane: Lane, title: &str) -> Option<FlightElement> {
    let group = element("g", &flight_class(&mark, false))?;
    set(&group, "data-flight", &mark.id.to_string());
    if mark.lost.is_none() {
        set(&group, "tabindex", "-1");
    }
    set(&group, "role", if mark.lost.is_none() { "button" } else { "img" });
    // What one sees is part of what is read out: in the same order, with spaces that are not drawn.
    let many = if lane.count > 1 { format!("×{} ", lane.count) } else { String::new() };
    set(&group, "aria-label", &format!("{many}{} {}", mark.look.letter, bare(title)));
    let (trail, glyph) = (element("path", "trail")?, element("g", "glyph-group")?);
    let hit = r#"<circle class="hit" r="22"/>"#;
    let words = shortened(title);
    let letters = words.chars().count() as f64;
    let name = format!(r#"<text class="name" y="-17"> {}</text>"#, svg::escape(&words));
    glyph.set_inner_html(&format!("{hit}{}{}{name}", svg::count(lane).replace("</", " </"), svg::glyph(mark.look)));
    append(&group, &trail);
    append(&group, glyph.unchecked_ref());
    Some(FlightElement { group, glyph, trail, mark, lane, letters, is_named: false })
}

/// Half a letter, in units of the picture, where its letters are large.
fn half_letter(frame: Frame) -> f64 {
    if frame == Frame::Wide { 4.4 } else { 6.0 }
}

/// Whether a message's name of this half width would lie over a node, its words, or a figure.
fn has_no_room(picture: &Picture, (x, y): Point, half: f64) -> bool {
    // A name stands above its message, by as much as a line of its letters.
    let above = 17.0 + 3.5 * half_letter(picture.frame);
    let lies_over = |(left, top, right, bottom): Extent| {
        let (left, right) = (f64::from(left) - half, f64::from(right) + half);
        (left..right).contains(&x) && (f64::from(top)..f64::from(bottom) + above).contains(&y)
    };
    let words = |mark: &NodeMark| {
        let (left, top, right, bottom) = mark.bounds();
        let half = (mark.state.chars().count() as f64 * half_letter(picture.frame)) as i32;
        (left.min(mark.at.0 - half), top, right.max(mark.at.0 + half), bottom)
    };
    picture.nodes.iter().map(words).chain(picture.figures.iter().map(of_figure)).any(lies_over)
}

/// Whether two names, by their places and half widths, lie over each other.
fn meet((one, half): (Point, f64), (other, other_half): (Point, f64)) -> bool {
    const LINE: f64 = 16.0;
    (one.0 - other.0).abs() < half + other_half && (one.1 - other.1).abs() < LINE
}

/// A title without its article.
fn bare(title: &str) -> &str {
    title.strip_prefix("a ").or_else(|| title.strip_prefix("an ")).unwrap_or(title)
}

/// A message's title as it fits beside its mark.
fn shortened(title: &str) -> String {
    let words = bare(title);
    let Some((end, _)) = words.char_indices().nth(LONGEST_NAME) else { return words.to_owned() };
    // It ends with a whole word, and says that there is more.
    let whole = words[..end].rfind(' ').unwrap_or(end);
    format!("{}…", words[..whole].trim_end_matches([' ', ',', ':', '.']))
}

/// A link with a broad, invisible line to hit with a finger.
fn with_hit_line(picture: &Picture, mark: &LinkMark, trouble: LinkTrouble) -> String {
    let path = geometry::link_ends(picture, mark.a, mark.b).map(svg::line).unwrap_or_default();
    format!(r#"<path class="hit-line" d="{path}"/>{}"#, svg::link(picture, mark, trouble))
}

/// A node with an invisible box of at least 44 pixels to hit with a finger.
fn with_hit_box(mark: &NodeMark) -> String {
    let (width, height) = mark.shape.size();
    let (width, height) = (width.max(48), height.max(48));
    let (x, y) = (-width / 2, -height / 2);
    format!(r#"<rect class="hit" x="{x}" y="{y}" width="{width}" height="{height}"/>{}"#, svg::node(mark))
}
