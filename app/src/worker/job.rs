//! The page's side: one job in a worker of its own. Dropping the job ends the worker, at once.

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageEvent, Url, Worker, WorkerOptions, WorkerType};

use super::{Ask, Reply, pack, unpack};

/// See the module's header.
pub struct Job {
    worker: Worker,
    /// Lives as long as the worker may call it.
    _listen: Closure<dyn Fn(MessageEvent)>,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.terminate();
    }
}

/// The whole address of what a link in the page's head names: the app's module or its script.
fn address(query: &str) -> Option<String> {
    let link = document().query_selector(query).ok()??;
    let page = document().url().ok()?;
    Some(Url::new_with_base(&link.get_attribute("href")?, &page).ok()?.href())
}

impl Job {
    /// Starts a worker and asks it. `None` when there are no workers here.
    pub fn start(ask: Ask, on_reply: impl Fn(Reply) + 'static) -> Option<Job> {
        let script = address("link[rel=modulepreload]")?;
        let module = address("link[rel=preload][as=fetch]")?;
        let beside = Url::new_with_base("worker.js", &script).ok()?.href();
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&beside, &options).ok()?;
        let asked = worker.clone();
        let listen = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            match unpack(event.data()) {
                Some(Reply::Ready) => {
                    // A worker that is already gone needs no question.
                    let _ = asked.post_message(&pack(&ask));
                }
                Some(reply) => on_reply(reply),
                None => on_reply(Reply::Sorry("The worker's answer cannot be read. Reload the page.".to_owned())),
            }
        });
        worker.set_onmessage(Some(listen.as_ref().unchecked_ref()));
        let first = js_sys::Object::new();
        js_sys::Reflect::set(&first, &"script".into(), &script.into()).ok()?;
        js_sys::Reflect::set(&first, &"module".into(), &module.into()).ok()?;
        worker.post_message(&first).ok()?;
        Some(Job { worker, _listen: listen })
    }
}
