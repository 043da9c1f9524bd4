//! Connections by small numbers.

/// Values at places that stay theirs until they are removed, after which others get them.
#[derive(Debug)]
pub struct Table<T> {
    places: Vec<Option<T>>,
    /// Places without a value.
    free: Vec<usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Table<T> {
    /// The number of places, with and without a value; all of them are below this.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Whether no place has a value.
    pub fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }

    /// Where the next value will be.
    pub fn next_place(&self) -> usize {
        self.free.last().copied().unwrap_or(self.places.len())
    }

    /// Adds a value at [`Table::next_place`].
    pub fn insert(&mut self, value: T) {
        match self.free.pop().and_then(|place| self.places.get_mut(place)) {
            Some(place) => *place = Some(value),
            None => self.places.push(Some(value)),
        }
    }

    /// The value at a place.
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.places.get_mut(place)?.as_mut()
    }

    /// Takes the value at a place away.
    pub fn remove(&mut self, place: usize) {
        if self.places.get_mut(place).and_then(Option::take).is_some() {
            self.free.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_the_others_stay() {
        let mut table = Table::default();
        for value in ['a', 'b', 'c'] {
            let place = table.next_place();
            table.insert(value);
            assert_eq!(table.get_mut(place), Some(&mut value.clone()));
        }
        table.remove(1);
        table.remove(1);
        table.remove(7);
        assert_eq!(table.get_mut(1), None);
        assert_eq!((table.next_place(), table.places()), (1, 3));
        table.insert('d');
        assert_eq!((table.get_mut(2).copied(), table.next_place()), (Some('c'), 3));
        for place in 0..table.places() {
            assert!(!table.is_empty());
            table.remove(place);
        }
        assert!(table.is_empty());
    }
}
