//! The simulator. Knows no system and no screen.
