//! How the promises of a run stand, in lines: what each says of itself, how a broken one broke, and why it was not promised
//! if it was not.

use faultline::guides::kit::info::Info;
use faultline::guides::kit::live::LiveWorld;
use faultline::lab::beyond::beyond;
use faultline::sim::judge::verdict::Verdict;
use faultline::sim::run::simulation::Simulation;
use faultline::sim::run::tape::Stamped;

/// See the module's header. `inputs`: what the reader did.
pub fn print(info: &Info, world: &LiveWorld, inputs: &[Stamped]) {
    for (promise, standing) in info.promises.iter().zip(world.standings()) {
        println!("  {:<16} {}", standing.words(promise.kind), promise.title);
        match &standing.verdict {
            Verdict::Broken(broken) => {
                println!("{:19}after event {}: {}", "", broken.step, broken.breach.text);
                let fault = || beyond(&info.faults, inputs, broken.step, |node| world.name(node));
                let fault = || fault().map(|what| format!("Outside of what is promised: {what}."));
                let why = broken.outside.map(str::to_owned).or_else(fault);
                why.iter().for_each(|why| println!("{:19}{why}", ""));
            }
            Verdict::Outside(says) => println!("{:19}{says}", ""),
            _ => {}
        }
    }
}
