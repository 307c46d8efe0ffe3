//! Pictures as SVG text.
