//! An amount over a weight, in whole numbers of which no fraction is lost (floor 1).
//!
//! Rounded at each switch, the shares of tasks with many short switches would be off by as many
//! fractions. So what was rounded off before is found again from the total, which costs divisions
//! and no memory.

/// `units` times `more` over `weight`, rounded so that all the results since `before` was 0 add up
/// to `units` times the total over `weight`, rounded up once: what weighs much, runs little and is
/// gone would else have had nothing.
pub(super) fn weighed(before: u64, more: u64, units: u64, weight: u32) -> u64 {
    let weight = u64::from(weight);
    let fraction = (before % weight) * (units % weight) + (weight - 1);
    more.saturating_mul(units).saturating_add(fraction % weight) / weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_over_many_small_amounts() {
        for weight in [1, 3, 7, 99, 100, 101, 12_345, u32::MAX] {
            let (mut before, mut sum) = (0, 0);
            for more in (1..2_000).map(|n| n * n % 97) {
                sum += weighed(before, more, 100, weight);
                before += more;
                assert_eq!(sum, (before * 100).div_ceil(u64::from(weight)));
            }
        }
    }

    #[test]
    fn the_largest_amounts_do_not_overflow() {
        assert_eq!(weighed(u64::MAX, u64::MAX, u64::MAX, 1), u64::MAX);
        assert!(weighed(u64::MAX, u64::MAX, u64::MAX, u32::MAX) > 1 << 31);
    }
}
