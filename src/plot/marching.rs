//! Lines of equal height, by marching squares.

use std::collections::HashMap;

use ndarray::Array2;

/// A point of a grid.
type Node = (usize, usize);

/// Where a height is crossed between neighbouring points of a grid, joined into lines, in units of the grid. Heights stand
/// by column and row.
pub(super) fn lines(heights: &Array2<f64>, level: f64) -> Vec<Vec<(f64, f64)>> {
    let above = |node: Node| heights[node] > level;
    // Which crossed edges are joined, each edge named by its two nodes.
    let mut joined: HashMap<(Node, Node), Vec<(Node, Node)>> = HashMap::new();
    let mut edges = Vec::new();
    let (columns, rows) = heights.dim();
    for i in 1..columns {
        for j in 1..rows {
            let (a, b, c, d) = ((i - 1, j - 1), (i, j - 1), (i, j), (i - 1, j));
            let crossed: Vec<_> = [(a, b), (b, c), (d, c), (a, d)]
                .into_iter()
                .filter(|&(from, to)| above(from) != above(to))
                .collect();
            for pair in crossed.chunks_exact(2) {
                joined.entry(pair[0]).or_default().push(pair[1]);
                joined.entry(pair[1]).or_default().push(pair[0]);
                edges.extend_from_slice(pair);
            }
        }
    }
    // Lines that end at the border first, from there; then the closed ones.
    edges.sort_by_key(|edge| joined.get(edge).map_or(0, Vec::len));
    let crossing = |(from, to): (Node, Node)| {
        let share = (heights[from] - level) / (heights[from] - heights[to]);
        let between = |a: usize, b: usize| a as f64 + share * (b as f64 - a as f64);
        (between(from.0, to.0), between(from.1, to.1))
    };
    let mut lines = Vec::new();
    for start in edges {
        let mut line = Vec::new();
        let mut next = Some(start);
        while let Some(edge) = next {
            let Some(neighbours) = joined.remove(&edge) else {
                break;
            };
            line.push(crossing(edge));
            next = neighbours.iter().copied().find(|edge| joined.contains_key(edge));
            // A closed line ends where it began.
            if next.is_none() && line.len() > 2 && neighbours.contains(&start) {
                line.push(crossing(start));
            }
        }
        if line.len() > 1 {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cone_has_circles() {
        let cone = Array2::from_shape_fn((41, 41), |(i, j)| (i as f64 - 20.0).hypot(j as f64 - 20.0));
        let lines = lines(&cone, 12.5);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        for (x, y) in &lines[0] {
            assert!(((x - 20.0).hypot(y - 20.0) - 12.5).abs() < 0.02);
        }
    }

    #[test]
    fn a_slope_has_straight_lines_from_border_to_border() {
        let slope = Array2::from_shape_fn((5, 9), |(i, _)| i as f64);
        let lines = lines(&slope, 1.25);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), 9);
        assert!(lines[0].iter().all(|(x, _)| *x == 1.25));
        assert!(super::lines(&slope, 9.0).is_empty());
    }
}
