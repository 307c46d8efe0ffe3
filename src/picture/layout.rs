//! Where things go: circles, rows and columns within a rectangle, in whole picture units.

/// A part of the frame: left, top, width, height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    pub left: i32,
    pub top: i32,
    pub width: i32,
    pub height: i32,
}

impl Area {
    /// The area with these edges.
    pub const fn new(left: i32, top: i32, width: i32, height: i32) -> Area {
        Area { left, top, width, height }
    }

    /// `count` places on an ellipse that fits into the area, the first at the top, clockwise.
    pub fn circle(self, count: usize) -> Vec<(i32, i32)> {
        let (cx, cy) = (self.left + self.width / 2, self.top + self.height / 2);
        let place = |index: usize| {
            let angle = std::f64::consts::TAU * index as f64 / count.max(1) as f64;
            let (x, y) = (libm::sin(angle) * f64::from(self.width / 2), -libm::cos(angle) * f64::from(self.height / 2));
            (cx + libm::round(x) as i32, cy + libm::round(y) as i32)
        };
        (0..count).map(place).collect()
    }

    /// `count` places side by side, evenly spaced, in the middle of the height.
    pub fn row(self, count: usize) -> Vec<(i32, i32)> {
        let step = self.width / count.max(1) as i32;
        (0..count as i32).map(|index| (self.left + step / 2 + index * step, self.top + self.height / 2)).collect()
    }

    /// `count` places one below the other, evenly spaced, in the middle of the width.
    pub fn column(self, count: usize) -> Vec<(i32, i32)> {
        let step = self.height / count.max(1) as i32;
        (0..count as i32).map(|index| (self.left + self.width / 2, self.top + step / 2 + index * step)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stay_inside() {
        let area = Area::new(10, 20, 300, 200);
        for places in [area.circle(5), area.row(4), area.column(3)] {
            for (x, y) in places {
                assert!((10..=310).contains(&x) && (20..=220).contains(&y));
            }
        }
        assert_eq!(area.circle(1), [(160, 20)]);
    }
}
