//! Pictures: everything inside the frame, nothing overlaps, texts fit, and every message is on a drawn link.

use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::picture::extent::extent;
use faultline::picture::svg::misfits;
use faultline::picture::words::{LARGEST, width as letters};
use faultline::picture::{Body, Cell, Frame, LinkMark, Picture};
use faultline::sim::NodeId;
use faultline::sim::declare::settings::Takes;
use faultline::sim::run::chaos::storm;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Origin;

use super::{check, ensure, idle_and_busy, load, origin, run};

/// Events between two looks at a run that begins with other settings.
const GLIMPSE: u64 = 5;

#[test]
fn pictures_are_sound_at_every_step() {
    check(|scenario, info| {
        let whole = idle_and_busy(info).into_iter().map(|origin| (origin, 1));
        for (origin, every) in whole.chain(other_starts(info).map(|origin| (origin, GLIMPSE))) {
            let mut run = run(scenario, &origin);
            storm(&mut run, info.faults, 3, 200);
            let (last, mut pictures) = (run.step_count(), Pictures::default());
            run.seek(0);
            while run.step_count() < last {
                if run.step_count().is_multiple_of(every) {
                    let place = format!("{}{:?} step {}", load(&origin), origin.settings, run.step_count());
                    pictures.check(run.world(), &place)?;
                }
                run.step();
            }
        }
        Ok(())
    });
}

/// What else a run may begin with: the extremes of each setting that takes effect only at the start.
fn other_starts(info: &Info) -> impl Iterator<Item = Origin> {
    info.settings.iter().filter(|known| known.1.takes == Takes::AtStart).flat_map(|(id, setting, _)| {
        let (min, max) = setting.control.bounds();
        [min, max].map(|value| Origin { settings: vec![(*id, value)], ..origin(info) })
    })
}

/// A run's pictures in both frames; each is checked only once.
#[derive(Default)]
pub struct Pictures {
    last: Option<[Picture; 2]>,
}

impl Pictures {
    pub fn check(&mut self, world: &LiveWorld, place: &str) -> Result<(), String> {
        let now = [Frame::Wide, Frame::Narrow].map(|frame| world.picture(frame));
        if self.last.as_ref() != Some(&now) {
            for picture in &now {
                sound(picture).map_err(|why| format!("{place}, {:?}: {why}", picture.frame))?;
            }
        }
        for flight in world.flights().into_iter().filter(|flight| flight.from != flight.to) {
            let ends = (flight.from, flight.to);
            let drawn = |link: &LinkMark| (link.a, link.b) == ends || (link.b, link.a) == ends;
            for picture in &now {
                ensure(picture.links.iter().any(drawn), || {
                    let (from, to) = (world.name(flight.from), world.name(flight.to));
                    let message = world.message(flight.id).map_or("a lost message".to_owned(), |message| message.title);
                    format!("{place}, {:?}: '{message}' from {from} to {to} is on no drawn link", picture.frame)
                })?;
            }
        }
        self.last = Some(now);
        Ok(())
    }
}

fn sound(picture: &Picture) -> Result<(), String> {
    let (width, height) = picture.frame.size();
    let boxes: Vec<(String, (i32, i32, i32, i32))> = picture
        .nodes
        .iter()
        .map(|mark| (mark.label.clone(), mark.bounds()))
        .chain(picture.figures.iter().map(|figure| {
            let ((x, y), (w, h)) = (figure.at, figure.size);
            (figure.id.to_owned(), (x, y, x + w, y + h))
        }))
        .collect();
    for (index, (name, (left, top, right, bottom))) in boxes.iter().enumerate() {
        ensure(*left >= 0 && *top >= 0 && *right <= width && *bottom <= height, || format!("{name} leaves the frame"))?;
        for (other, (l, t, r, b)) in &boxes[..index] {
            let apart = right <= l || r <= left || bottom <= t || b <= top;
            ensure(apart, || format!("{name} and {other} overlap"))?;
        }
    }
    let mut ids: Vec<NodeId> = picture.nodes.iter().map(|mark| mark.node).collect();
    ids.dedup();
    ensure(ids.len() == picture.nodes.len(), || "a node is drawn twice".to_owned())?;
    for mark in &picture.nodes {
        let (label, state) = (mark.label.chars().count(), mark.state.chars().count());
        ensure(label <= 12 && state <= 24, || format!("'{}' or '{}' is too long", mark.label, mark.state))?;
    }
    for figure in &picture.figures {
        let room = (width - figure.at.0) / 7;
        ensure(figure.title.chars().count() as i32 <= room, || {
            format!("the title '{}' leaves the frame", figure.title)
        })?;
    }
    for figure in &picture.figures {
        let cut = misfits(figure);
        ensure(cut.is_empty(), || format!("{}: no room for {}", figure.id, cut.join("; ")))?;
    }
    picture.figures.iter().try_for_each(|figure| match &figure.body {
        Body::Grid { rows, .. } | Body::Matrix(rows) | Body::Queues(rows) => {
            rows.iter().flat_map(|row| &row.cells).try_for_each(short)
        }
        Body::Table { rows, .. } => rows.iter().flatten().try_for_each(short),
        Body::Bars(_) => Ok(()),
    })
}

fn short(cell: &Cell) -> Result<(), String> {
    ensure(cell.text.chars().count() <= 14, || format!("the cell '{}' is too long", cell.text))
}

/// Width and height that the stage has in a window of 1280 by 720 with two lines of promises; a scenario of load has its
/// charts below it.
const ROOM: (i32, i32) = (865, 450);
const ROOM_OF_LOAD: (i32, i32) = (865, 420);
/// The smallest letters, in CSS pixels.
const SMALLEST: i32 = 12;

/// Letters of 12 pixels have room in every picture: it is not drawn so small that they would have to be larger, in its
/// units, than figures are laid out for.
#[test]
fn letters_of_twelve_pixels_fit() {
    check(|scenario, info| {
        for origin in idle_and_busy(info) {
            let mut run = run(scenario, &origin);
            run.seek(300);
            let picture = run.world().picture(Frame::Wide);
            let (left, top, right, bottom) = extent(&picture).unwrap_or_default();
            let room = if info.load { ROOM_OF_LOAD } else { ROOM };
            // In thousandths of a unit for a pixel.
            let shrunk = ((right - left) * 1_000 / room.0).max((bottom - top) * 1_000 / room.1);
            let size = SMALLEST * shrunk / 1_000;
            ensure(size <= LARGEST, || format!("{} by {}: 12 pixels are {size} units", right - left, bottom - top))?;
            let is_cut = |label: &str, room: i32| letters(label, size.max(14)) > room;
            let names = picture.nodes.iter().filter(|mark| mark.label_is_inside());
            let cut: Vec<&str> =
                names.filter(|mark| is_cut(&mark.label, mark.shape.size().0)).map(|mark| mark.label.as_str()).collect();
            ensure(cut.is_empty(), || format!("names that are wider than their nodes: {cut:?}"))?;
        }
        Ok(())
    });
}
