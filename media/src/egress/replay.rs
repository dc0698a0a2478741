//! Numbers that may be used once.

/// How far back a number may come.
const WINDOW: u64 = 128;

/// Takes each number once, in any order within its window (RFC 3711, section 3.3.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    highest: u64,
    /// Bit n: `highest - n` was taken.
    taken: u128,
}

impl ReplayWindow {
    /// A window in which `first` was taken.
    pub fn starting_with(first: u64) -> Self {
        Self { highest: first, taken: 1 }
    }

    /// Takes `number`; `false` when it was taken before, or is so old that nobody knows.
    pub fn accept(&mut self, number: u64) -> bool {
        if number > self.highest || self.taken == 0 {
            let step = number.saturating_sub(self.highest);
            self.taken = if step < WINDOW { self.taken << step } else { 0 } | 1;
            self.highest = number;
            return true;
        }
        let age = self.highest - number;
        if age >= WINDOW || self.taken & (1 << age) != 0 {
            return false;
        }
        self.taken |= 1 << age;
        true
    }

    /// The highest number taken.
    pub fn highest(&self) -> u64 {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once() {
        let mut window = ReplayWindow::default();
        for (number, is_taken) in [
            (5, true),
            (5, false),
            (3, true),
            (3, false),
            (200, true),
            (5, false),
            (73, true),
            (72, false),
            (199, true),
        ] {
            assert_eq!(window.accept(number), is_taken, "{number}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_twice(numbers in proptest::collection::vec(0_u64..400, 0..400)) {
            let mut window = ReplayWindow::default();
            let mut seen = std::collections::HashSet::new();
            for number in numbers {
                let taken = window.accept(number);
                proptest::prop_assert!(!taken || seen.insert(number));
            }
        }
    }
}
