//! The golden runs in WebAssembly: once in Node, once in a browser.
#![cfg(target_arch = "wasm32")]

mod golden;

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn golden_runs_are_the_same_as_native_ones() {
    let all = faultline::guides::everything();
    let now: Vec<String> = all.iter().flat_map(|scenario| golden::runs(*scenario, &scenario.info())).collect();
    let native: Vec<&str> = include_str!("golden/runs.txt").lines().collect();
    for (here, there) in now.iter().zip(&native) {
        assert_eq!(here, there);
    }
    assert_eq!(now.len(), native.len());
}

#[wasm_bindgen_test]
fn hashes_are_the_same_as_native_ones() {
    let hash = faultline::sim::kernel::hash::stable(&(1u32, 2usize, vec![3u32, 4], Some("five")));
    assert_eq!(hash, 5734231025392751265);
}

#[wasm_bindgen_test]
fn logarithms_are_the_same_as_native_ones() {
    let sum: u64 = (1..2_000u64).map(|n| faultline::sim::kernel::random::exponential(n << 40, 1_000_000)).sum();
    assert_eq!(sum, SUM_OF_EXPONENTIALS);
}

/// The same sum in a native build: asserted in tests/suite/determinism.rs.
const SUM_OF_EXPONENTIALS: u64 = 20_055_504_701;
