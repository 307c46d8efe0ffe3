//! The kernel in WebAssembly, on the ring that `engine` measures natively. `cargo xtask bench` runs it in Chromium,
//! with the profile that the site is built with. As in any WebAssembly test, the result goes to the console.

#[cfg(target_arch = "wasm32")]
#[path = "ring/mod.rs"]
mod ring;

#[cfg(target_arch = "wasm32")]
mod measured {
    use faultline::sim::run::simulation::Simulation;
    use wasm_bindgen_test::{console_log, wasm_bindgen_test};

    const EVENTS: u32 = 2_000_000;

    #[wasm_bindgen_test]
    fn kernel_ring_of_100() {
        let mut world = super::ring::world();
        let start = js_sys::Date::now();
        for _ in 0..EVENTS {
            std::hint::black_box(world.step());
        }
        let seconds = (js_sys::Date::now() - start) / 1_000.0;
        console_log!("kernel_ring_of_100 in WebAssembly: {:.1} M events/s", f64::from(EVENTS) / seconds / 1e6);
    }
}
