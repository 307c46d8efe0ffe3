//! Cache aside.
