//! The broker: appends, looks up step by step, serves reads, cleans and deletes.

use std::rc::Rc;

use super::{
    BATCH, BrokerMemory, CPU_COPIES, DELETE_RETENTION, DIRTY_PERCENT, DMA_COPIES, FLOOR, HOUSEKEEPING, KafkaLog,
    LATEST, Lookup, Memory, Message, Note, OFFSETS, POLICY, READER, RECORD, RETENTION_BYTES, RETENTION_TIME, SENDFILE,
    SENT, SERVICE, SIZE, STEP, SWITCHES, Stage, TABLE, TOMBSTONES, Timer, put_words,
};
use crate::mechanisms::kafka_log::{Cleaning, Log, Record, Retention};
use crate::sim::kernel::time::MS;
use crate::sim::machine::system::{Context, Event};
use crate::sim::numbers::{are, counted};

pub(super) struct Broker<'a, 'b> {
    pub log: &'a mut Rc<Log>,
    pub memory: &'a mut BrokerMemory,
    pub context: &'a mut Context<'b, KafkaLog>,
}

pub(super) fn boot(log: &Log, context: &mut Context<KafkaLog>) -> Memory {
    context.set_timer(Timer::Housekeeping, HOUSEKEEPING);
    for record in log.records() {
        context.note(Note::Appended { offset: record.offset, key: record.key, value: record.value });
    }
    Memory::Broker(BrokerMemory::default())
}

impl Broker<'_, '_> {
    pub(super) fn handle(&mut self, event: Event<KafkaLog>) {
        match event {
            Event::Message { message: Message::Produce { key, value }, .. } => self.append(key, value),
            Event::Message { message: Message::LookUp { offset }, .. } => self.look_up(offset),
            Event::Message { message: Message::Read { offset }, .. } => self.read(offset),
            Event::Timer(Timer::Housekeeping) => self.look_after_files(),
            Event::Timer(Timer::Step) => self.step(),
            Event::Timer(Timer::Serve) => self.serve(),
            _ => self.context.pass_over(),
        }
        let size: u32 = self.log.segments().iter().map(|segment| segment.size()).sum();
        self.context.gauge(SIZE, 0, i64::from(size));
    }

    fn append(&mut self, key: u8, value: Option<u16>) {
        let (now, files) = (self.context.now(), self.log.segments().len());
        let log = Rc::make_mut(self.log);
        let offset = log.append(key, value, RECORD, now);
        let rolled = log.segments().len() > files;
        self.context.note(Note::Appended { offset, key, value });
        self.context.why(|_| {
            let words = put_words(key, value);
            match rolled {
                true => format!("The active file is full: {words} opens a new one, named {offset}."),
                false => format!("{words} is appended to the active file at offset {offset}."),
            }
        });
    }

    fn look_up(&mut self, offset: u32) {
        if self.memory.lookup.is_some() {
            self.context.why(|_| "The broker is at another lookup: this one is refused.".to_owned());
            self.answer(None);
            return;
        }
        let end = self.log.end();
        if offset >= end {
            self.context.why(|_| format!("The log ends at {end}: there is no offset {offset} yet."));
            self.answer(None);
            return;
        }
        self.memory.lookup = Some(Lookup { offset, stage: Stage::Files });
        self.context.work(Timer::Step, STEP);
        self.context.why(|_| format!("The reader wants offset {offset}: the broker looks for its file."));
    }

    fn answer(&mut self, record: Option<Record>) {
        let end = self.log.end();
        self.context.send(READER, Message::Found { record, end });
    }

    fn step(&mut self) {
        let Some(Lookup { offset, stage }) = self.memory.lookup else {
            self.context.why(|_| "No lookup is under way.".to_owned());
            return;
        };
        let next = match stage {
            Stage::Files => self.find_file(offset),
            Stage::Index { file } => self.find_entry(offset, file),
            Stage::Scan { file, record } => self.scan(offset, file, record),
        };
        self.memory.lookup = next.map(|stage| Lookup { offset, stage });
        if next.is_some() {
            self.context.work(Timer::Step, STEP);
        }
    }

    fn find_file(&mut self, offset: u32) -> Option<Stage> {
        let file = self.log.segment_of(offset);
        let base = self.log.segments().get(file).map_or(0, |segment| segment.base);
        self.context.why(|_| format!("The last file whose name is not above {offset} is {base}."));
        Some(Stage::Index { file: file as u32 })
    }

    fn find_entry(&mut self, offset: u32, file: u32) -> Option<Stage> {
        let floor = self.context.rule(FLOOR);
        let Some(segment) = self.log.segments().get(file as usize) else { return Some(Stage::Files) };
        let entry = if floor { None } else { segment.ceiling(offset) }.unwrap_or(segment.floor(offset));
        let record = segment.record_at(entry.position) as u32;
        self.context.why_rule(FLOOR, |_| {
            let side = if entry.offset <= offset { "at or below" } else { "above" };
            format!("The entry {side} {offset} is {}, at byte {}: the scan begins there.", entry.offset, entry.position)
        });
        Some(Stage::Scan { file, record })
    }

    fn scan(&mut self, offset: u32, file: u32, record: u32) -> Option<Stage> {
        let Some(segment) = self.log.segments().get(file as usize) else { return self.looked(offset, None) };
        let Some(here) = segment.records().get(record as usize).copied() else {
            // Retention may have taken all there was, the active file included: what it rolled is empty, and the last.
            if file as usize + 1 == self.log.segments().len() {
                return self.looked(offset, None);
            }
            self.context.why(|_| "The file ends here: the scan continues in the next one.".to_owned());
            return Some(Stage::Scan { file: file + 1, record: 0 });
        };
        if here.offset >= offset {
            return self.looked(offset, Some(here));
        }
        self.context.why(|_| format!("Here is offset {}, and {offset} is wanted: one further.", here.offset));
        Some(Stage::Scan { file, record: record + 1 })
    }

    fn looked(&mut self, asked: u32, found: Option<Record>) -> Option<Stage> {
        let right = self.log.records().find(|record| record.offset >= asked).map(|record| record.offset);
        self.context.note(Note::Looked { asked, found: found.map(|record| record.offset), right });
        self.context.why(|_| match found {
            Some(record) if record.offset == asked => {
                format!("Offset {asked} is found: {}.", put_words(record.key, record.value))
            }
            Some(record) => format!("The first record at or after {asked} that is left is at {}.", record.offset),
            None => format!("The log has nothing at or after {asked}."),
        });
        self.answer(found);
        None
    }

    /// A read is served once its bytes are copied: four copies, or two with sendfile.
    fn read(&mut self, offset: u32) {
        let now = self.context.now();
        let bytes = u64::from(RECORD) * self.log.read(offset, BATCH).len() as u64;
        let sendfile = self.context.settings().is_on(SENDFILE);
        let (cpu, switches) = if sendfile { (0, 2) } else { (2, 4) };
        self.context.count(DMA_COPIES, 0, 2 * bytes);
        self.context.count(CPU_COPIES, 0, cpu * bytes);
        self.context.count(SWITCHES, 0, switches);
        self.context.count(SENT, 0, bytes);
        self.memory.serving = Some((offset, now));
        self.context.work(Timer::Serve, MS + (2 + cpu) * bytes / 10);
        self.context
            .why(|_| format!("{bytes} bytes from offset {offset} on: copied {} times, {switches} switches.", 2 + cpu));
    }

    fn serve(&mut self) {
        let Some((offset, since)) = self.memory.serving.take() else {
            self.context.why(|_| "Nobody waits for an answer.".to_owned());
            return;
        };
        let at = self.context.now();
        let records = Rc::new(self.log.read(offset, BATCH));
        let (start, end) = (self.log.start(), self.log.end());
        self.context.observe(SERVICE, 0, at.saturating_sub(since));
        let count = records.len() as u64;
        self.context.why(|_| format!("The consumer is sent {} from offset {offset} on.", counted(count, "record")));
        self.context.send(TABLE, Message::Records { offset, records, start, end, at });
    }

    fn look_after_files(&mut self) {
        self.context.set_timer(Timer::Housekeeping, HOUSEKEEPING);
        let policy = self.context.amount(POLICY);
        if policy != 1 {
            self.clean();
        }
        if policy != 0 {
            self.delete();
        }
    }

    fn clean(&mut self) {
        let (now, dirty) = (self.context.now(), self.log.dirty_percent());
        if dirty < DIRTY_PERCENT && !self.log.has_expired(now) {
            self.context
                .why(|_| format!("{dirty} % of the closed files are dirty: the cleaner waits for {DIRTY_PERCENT} %."));
            return;
        }
        let how = Cleaning {
            keep_latest: self.context.rule(LATEST),
            keep_tombstones: self.context.rule(TOMBSTONES),
            keep_offsets: self.context.rule(OFFSETS),
            delete_retention: self.context.amount(DELETE_RETENTION),
        };
        let dropped = Rc::make_mut(self.log).clean(how, now);
        let files = self.log.segments().len();
        let rule = [(how.keep_latest, LATEST), (how.keep_tombstones, TOMBSTONES), (how.keep_offsets, OFFSETS)];
        let rule = rule.iter().find(|rule| !rule.0).map_or(LATEST, |rule| rule.1);
        self.context.why_rule(rule, |_| {
            let (dropped, files) = (counted(u64::from(dropped), "record"), are(files as u64, "file"));
            format!("{dirty} % of the bytes were dirty: the cleaner drops {dropped}, and {files} left.")
        });
        self.look_again();
    }

    fn delete(&mut self) {
        let (age, bytes) = (self.context.amount(RETENTION_TIME), self.context.amount(RETENTION_BYTES));
        let now = self.context.now();
        let limits = Retention { age, bytes: bytes as u32, watermark: self.log.end() };
        let gone = Rc::make_mut(self.log).retain(now, limits);
        let start = self.log.start();
        self.context.why(|_| match gone {
            0 => "No file is old enough to go, and none is too many.".to_owned(),
            1 => format!("One file is deleted as a whole; the log begins at offset {start} now."),
            _ => format!("{gone} files are deleted as a whole; the log begins at offset {start} now."),
        });
        if gone > 0 {
            self.look_again();
        }
    }

    /// The files have changed: a lookup starts again.
    fn look_again(&mut self) {
        if let Some(lookup) = &mut self.memory.lookup {
            lookup.stage = Stage::Files;
        }
    }
}
