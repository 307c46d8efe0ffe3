//! Small things in order, with as little code as they need.
//!
//! Each type that the standard library sorts, or keeps in a tree, costs four to eight kilobytes of WebAssembly. What
//! the simulator keeps in order is a few dozen elements long; a sorted list serves just as well.

use litemap::LiteMap;

/// A set as a sorted list.
pub type Set<T> = LiteMap<T, ()>;

/// A map of these pairs; among pairs with the same key, the last one wins.
pub fn map_of<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> LiteMap<K, V> {
    let mut map = LiteMap::new();
    for (key, value) in pairs {
        map.insert(key, value);
    }
    map
}

/// A set of these.
pub fn set_of<T: Ord>(items: impl IntoIterator<Item = T>) -> Set<T> {
    map_of(items.into_iter().map(|item| (item, ())))
}

/// Removes the lowest keys until there are fewer than `most`.
pub fn make_room<K: Ord + Copy, V>(map: &mut LiteMap<K, V>, most: usize) {
    while map.len() >= most {
        let Some((&lowest, _)) = map.first() else { return };
        map.remove(&lowest);
    }
}

/// Sorts a short list by a key and keeps the order of equal keys: by insertion, quadratic in the length of what is out
/// of order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && key(&items[at - 1]) > key(&items[at]) {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Sorts a short list.
pub fn sort<T: Ord + Copy>(items: &mut [T]) {
    sort_by_key(items, |item| *item);
}

/// The places of keys in ascending order, equal keys in their original order. For lists that may be long: one piece of
/// code sorts them all, whatever the keys belong to.
pub fn order(keys: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    let mut pairs: Vec<(u64, u32)> = keys.zip(0..).collect();
    sort_pairs(&mut pairs);
    pairs.into_iter().map(|pair| pair.1 as usize)
}

#[inline(never)]
fn sort_pairs(pairs: &mut [(u64, u32)]) {
    pairs.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_goes() {
        let mut set = set_of([3, 1, 2]);
        make_room(&mut set, 3);
        assert_eq!(set.keys().copied().collect::<Vec<_>>(), [2, 3]);
        make_room(&mut set, 0);
        assert!(set.is_empty());
    }

    #[test]
    fn equal_keys_keep_their_order() {
        let mut items = [(2, 'a'), (1, 'a'), (2, 'b'), (0, 'a'), (1, 'b')];
        sort_by_key(&mut items, |item| item.0);
        assert_eq!(items, [(0, 'a'), (1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')]);
    }

    #[test]
    fn places_come_in_the_order_of_their_keys() {
        assert_eq!(order([2, 1, 2, 0, 1].into_iter()).collect::<Vec<_>>(), [3, 1, 4, 0, 2]);
    }
}
