//! When it is time for a new text.

use std::time::{Duration, Instant};

/// The time from one text to the next: no more are drawn.
const PERIOD: Duration = Duration::from_millis(50);
/// How often the clock is asked, if steps are as short; and of how many steps at most one asks it.
const LOOK: Duration = Duration::from_millis(5);
const MOST: u32 = 64;

/// Comes at most some twenty times a second, however many steps are made in that time. Of quick steps few ask the clock.
#[derive(Debug)]
pub(super) struct Beat {
    last: Option<Instant>,
    asked: Option<Instant>,
    /// How many steps there are from one look at the clock to the next, and how many are left of them.
    stride: u32,
    left: u32,
}

impl Beat {
    pub(super) fn new() -> Self {
        Self {
            last: None,
            asked: None,
            stride: 1,
            left: 1,
        }
    }

    /// Whether it comes at this step; the first time it does.
    pub(super) fn is_due(&mut self) -> bool {
        self.is_due_by(Instant::now)
    }

    #[inline]
    fn is_due_by(&mut self, clock: impl FnOnce() -> Instant) -> bool {
        self.left -= 1;
        self.left == 0 && self.look(clock())
    }

    fn look(&mut self, now: Instant) -> bool {
        if let Some(asked) = self.asked.replace(now) {
            let steps = f64::from(self.stride) * LOOK.as_secs_f64() / (now - asked).as_secs_f64();
            self.stride = (steps as u32).clamp(1, MOST);
        }
        self.left = self.stride;
        let due = self.last.is_none_or(|last| now - last >= PERIOD);
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it comes in so many steps of this length, and how often the clock is asked.
    fn count(beat: &mut Beat, now: &mut Instant, steps: u32, step: Duration) -> (u32, u32) {
        let (mut due, mut asked) = (0, 0);
        for _ in 0..steps {
            *now += step;
            due += u32::from(beat.is_due_by(|| {
                asked += 1;
                *now
            }));
        }
        (due, asked)
    }

    #[test]
    fn it_keeps_its_time_whatever_a_step_takes() {
        let (mut beat, mut now) = (Beat::new(), Instant::now());
        // A second of quick steps: few look at the clock.
        let (due, asked) = count(&mut beat, &mut now, 1_000_000, Duration::from_micros(1));
        assert!((19..=21).contains(&due), "{due}");
        assert!(asked < 1_000_000 / 60, "{asked}");
        // Where steps become slow, it soon comes at each.
        let (due, _) = count(&mut beat, &mut now, 200, Duration::from_millis(60));
        assert!(due > 130, "{due}");
        assert_eq!(
            count(&mut beat, &mut now, 50, Duration::from_millis(60)),
            (50, 50)
        );
        let (due, _) = count(&mut beat, &mut now, 100, Duration::from_millis(10));
        assert_eq!(due, 20);
    }

    /// A clock that stands still is one that is not asked often.
    #[test]
    fn steps_may_take_no_time() {
        let (mut beat, mut now) = (Beat::new(), Instant::now());
        let (due, asked) = count(&mut beat, &mut now, 1000, Duration::ZERO);
        assert_eq!(due, 1);
        assert!(asked < 20, "{asked}");
    }
}
