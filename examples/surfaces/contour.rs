//! Lines of equal height.

use std::collections::HashMap;

use super::Point;

/// The lines at one height, by marching squares: where they cross the edges of a grid, joined within every square.
pub(crate) fn lines(
    height: &dyn Fn(Point) -> f64,
    [left, right, low, high]: [f64; 4],
    level: f64,
) -> Vec<Vec<Point>> {
    const CELLS: usize = 160;
    type Node = (usize, usize);
    let point = |(i, j): Node| {
        let (u, v) = (i as f64 / CELLS as f64, j as f64 / CELLS as f64);
        (left + u * (right - left), low + v * (high - low))
    };
    let heights: HashMap<Node, f64> = (0..=CELLS)
        .flat_map(|i| (0..=CELLS).map(move |j| (i, j)))
        .map(|node| (node, height(point(node)) - level))
        .collect();

    // Which crossed edges are joined, each edge named by its two nodes.
    let mut joined: HashMap<(Node, Node), Vec<(Node, Node)>> = HashMap::new();
    let mut edges = Vec::new();
    for (i, j) in (0..CELLS).flat_map(|i| (0..CELLS).map(move |j| (i, j))) {
        let (a, b, c, d) = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1));
        let crossed: Vec<_> = [(a, b), (b, c), (d, c), (a, d)]
            .into_iter()
            .filter(|(from, to)| (heights[from] > 0.0) != (heights[to] > 0.0))
            .collect();
        for pair in crossed.chunks_exact(2) {
            joined.entry(pair[0]).or_default().push(pair[1]);
            joined.entry(pair[1]).or_default().push(pair[0]);
            edges.extend_from_slice(pair);
        }
    }

    // Lines that end at the border first, from there; then the closed ones.
    edges.sort_by_key(|edge| joined[edge].len());
    let crossing = |(from, to): (Node, Node)| {
        let share = heights[&from] / (heights[&from] - heights[&to]);
        let ((x0, y0), (x1, y1)) = (point(from), point(to));
        (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
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
