//! Things that lead back to themselves.

/// So many are told: who has more mends these first.
const MOST: usize = 20;

/// An edge that closes a ring.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ring {
    /// Node that the edge leaves.
    pub from: usize,
    /// Which of its edges.
    pub edge: usize,
    /// The ring's nodes, from the one that the edge leads back to, to `from`.
    pub through: Vec<usize>,
}

/// Rings in a graph of edges by node, without recursion: texts may hold very long chains.
pub(super) fn rings(edges: &[Vec<usize>]) -> Vec<Ring> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; edges.len()];
    let mut out = Vec::new();
    for root in 0..edges.len() {
        if state[root] != State::New {
            continue;
        }
        state[root] = State::Open;
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let (node, edge) = (*node, *next);
            *next += 1;
            match edges[node].get(edge) {
                None => {
                    state[node] = State::Done;
                    path.pop();
                }
                Some(to) if state[*to] == State::New => {
                    state[*to] = State::Open;
                    path.push((*to, 0));
                }
                Some(to) if state[*to] == State::Open && out.len() < MOST => {
                    let nodes = path.iter().map(|(n, _)| *n);
                    out.push(Ring {
                        from: node,
                        edge,
                        through: nodes.skip_while(|n| n != to).collect(),
                    });
                }
                Some(_) => {}
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::rings;

    #[test]
    fn rings_are_found_with_their_nodes() {
        assert_eq!(rings(&[vec![1, 2], vec![2], vec![]]), []);
        let found = rings(&[vec![1], vec![2], vec![1, 2]]);
        let through: Vec<&[usize]> = found.iter().map(|r| r.through.as_slice()).collect();
        assert_eq!(through, [&[1, 2][..], &[2]]);
        assert_eq!((found[0].from, found[0].edge), (2, 0));
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let mut chain: Vec<Vec<usize>> = (1..=200_000).map(|n| vec![n]).collect();
        chain.push(vec![0]);
        assert_eq!(rings(&chain).len(), 1);
    }
}
