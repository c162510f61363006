//! Walks the whole b-tree and checks every page on the way.

use std::borrow::Cow;
use std::io;

use crate::ahead::Ahead;
use crate::damage::{Damage, Findings, Place, printable};
use crate::image::Image;
use crate::layout::{
    BUCKET_FLAG, BUCKET_HEADER, MAX_KEY, PAGE_HEADER, PageHeader, PageKind, u64_at,
};
use crate::page::{Page, View};
use crate::pages::Pages;
use crate::source::Bytes;

/// bbolt's trees over a terabyte are five or six pages deep.
const DEEPEST: usize = 32;
/// bbolt keeps a bucket inline up to a quarter of a page; pages are at most 16 MiB here, etcd's buckets a few bytes.
const MOST_INLINE: u64 = 1 << 20;

/// Receives what the tree holds, in order.
pub(crate) trait Visitor {
    /// A bucket begins; `false` skips its entries.
    fn bucket(&mut self, name: &[u8], findings: &mut Findings) -> bool;

    /// A key of a branch page of that bucket: once the least key of the page below.
    fn separator(&mut self, _key: &[u8], _at: At<'_>, _findings: &mut Findings) {}

    /// All keys and values of a leaf page of that bucket, as they follow each other, once its entries were given.
    fn data(&mut self, _bytes: &Bytes<'_>) -> io::Result<()> {
        Ok(())
    }

    /// The next entry of that bucket.
    fn entry(
        &mut self,
        key: &[u8],
        value: &Bytes<'_>,
        at: At<'_>,
        findings: &mut Findings,
    ) -> io::Result<()>;
}

/// Where an entry lies; told as a [`Place`] only when something is wrong there.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) page: u64,
    pub(crate) offset: u64,
    pub(crate) bucket: Option<&'a [u8]>,
}

impl At<'_> {
    pub(crate) fn place(&self) -> Place {
        Place {
            offset: Some(self.offset),
            page: Some(self.page),
            bucket: self.bucket.map(printable),
        }
    }
}

/// A subtree: its root page and the keys between which its keys must be.
#[derive(Clone, Copy)]
struct Node<'n> {
    page: u64,
    depth: usize,
    low: &'n [u8],
    high: Option<&'n [u8]>,
}

impl Node<'_> {
    fn root(page: u64) -> Node<'static> {
        Node {
            page,
            depth: 0,
            low: &[],
            high: None,
        }
    }
}

/// Whether the key comes before the other. Eight bytes at once decide for most revisions.
fn precedes(key: &[u8], other: &[u8]) -> bool {
    match (key.first_chunk(), other.first_chunk()) {
        (Some(key), Some(other)) if key != other => {
            u64::from_be_bytes(*key) < u64::from_be_bytes(*other)
        }
        _ => key < other,
    }
}

/// One tree of keys: the top one or a bucket's.
struct Scope<'n> {
    bucket: Option<&'n [u8]>,
    /// The key before, empty at first: no key is empty.
    last: Vec<u8>,
}

impl<'n> Scope<'n> {
    fn new(bucket: Option<&'n [u8]>) -> Scope<'n> {
        Scope {
            bucket,
            last: Vec::new(),
        }
    }

    fn at(&self, page: u64, offset: u64) -> At<'n> {
        At {
            page,
            offset,
            bucket: self.bucket,
        }
    }
}

/// A walk over the whole tree.
pub(crate) struct Walk<'a, V> {
    image: &'a Image<'a>,
    visitor: &'a mut V,
    findings: &'a mut Findings,
    used: Pages,
    ahead: Ahead<'a>,
    spare: Vec<Vec<u8>>,
}

impl<'a, V: Visitor> Walk<'a, V> {
    pub(crate) fn new(
        image: &'a Image<'a>,
        visitor: &'a mut V,
        findings: &'a mut Findings,
    ) -> Walk<'a, V> {
        Walk {
            image,
            visitor,
            findings,
            used: Pages::new(image.pages),
            // Both are within the file.
            ahead: Ahead::new(image.source, image.pages * image.meta.page_size),
            spare: Vec::new(),
        }
    }

    /// Walks everything; gives the pages that were reached.
    pub(crate) fn run(mut self) -> io::Result<Pages> {
        self.used.insert(0);
        self.used.insert(1);
        let root = Node::root(self.image.meta.root);
        self.subtree(root, &mut Scope::new(None))?;
        Ok(self.used)
    }

    fn subtree(&mut self, node: Node<'_>, scope: &mut Scope<'_>) -> io::Result<()> {
        if node.depth >= DEEPEST {
            let at = scope.at(
                node.page,
                node.page.saturating_mul(self.image.meta.page_size),
            );
            self.findings
                .add(Damage::Depth { limit: DEEPEST }, at.place());
            return Ok(());
        }
        let buffer = self.spare.pop().unwrap_or_default();
        let (ahead, used) = (&mut self.ahead, &mut self.used);
        let page = match Page::load(self.image, ahead, used, node.page, buffer)? {
            Ok(page) => page,
            Err(damage) => {
                let at = scope.at(
                    node.page,
                    node.page.saturating_mul(self.image.meta.page_size),
                );
                self.findings.add(damage, at.place());
                return Ok(());
            }
        };
        let view = page.view(self.image.source);
        let used = match page.kind {
            PageKind::Branch => self.branch(&view, node, scope)?,
            _ => self.leaf(&view, node, scope)?,
        };
        if let Some(used) = used
            && !page.fits(used, self.image.meta.page_size)
        {
            let overflow = page.overflow;
            let damage = Damage::Overflow {
                page: page.id,
                overflow,
            };
            self.findings
                .add(damage, scope.at(page.id, view.offset).place());
        }
        self.spare.push(page.into_buffer());
        Ok(())
    }

    /// Gives the bytes in use, or nothing where the page could not be read to its end.
    fn branch(
        &mut self,
        view: &View<'_>,
        node: Node<'_>,
        scope: &mut Scope<'_>,
    ) -> io::Result<Option<u64>> {
        let Some(mut next) = view.first_data().filter(|_| view.count > 0) else {
            self.count(view, scope);
            return Ok(None);
        };
        let mut here = view.branch(0, &mut next)?;
        for index in 0..view.count {
            let Some((key, child)) = here else {
                self.element(view, index, scope);
                return Ok(None);
            };
            let last = index + 1 == view.count;
            here = if last {
                None
            } else {
                view.branch(index + 1, &mut next)?
            };
            let high = here.as_ref().map(|(key, _)| &**key);
            let ordered = (index > 0 || *key >= *node.low)
                && high.is_none_or(|high| *key < *high)
                && node.high.is_none_or(|high| *key < *high);
            if !ordered {
                self.order(view, index, scope);
                return Ok(None);
            }
            let at = scope.at(view.page, view.element_offset(index));
            self.visitor.separator(&key, at, self.findings);
            let child = Node {
                page: child,
                depth: node.depth + 1,
                low: &key,
                high: high.or(node.high),
            };
            self.subtree(child, scope)?;
            if !last && here.is_none() {
                self.element(view, index + 1, scope);
                return Ok(None);
            }
        }
        Ok(Some(next))
    }

    /// Gives the bytes in use, or nothing where the page could not be read to its end.
    fn leaf(
        &mut self,
        view: &View<'_>,
        node: Node<'_>,
        scope: &mut Scope<'_>,
    ) -> io::Result<Option<u64>> {
        let empty = view.count == 0 && node.depth > 0;
        let Some(first) = view.first_data().filter(|_| !empty) else {
            self.count(view, scope);
            return Ok(None);
        };
        let before = std::mem::take(&mut scope.last);
        let mut last = Cow::Borrowed(&before[..]);
        let next = self.entries(view, node, scope, first, &mut last)?;
        scope.last = last.into_owned();
        if let (Some(next), true) = (next, scope.bucket.is_some()) {
            self.visitor.data(&view.bytes(first, next - first))?;
        }
        Ok(next)
    }

    /// Hands the entries over from `next` on; `last` is the key before, borrowed from the page where it can be.
    fn entries<'v>(
        &mut self,
        view: &View<'v>,
        node: Node<'_>,
        scope: &Scope<'_>,
        mut next: u64,
        last: &mut Cow<'v, [u8]>,
    ) -> io::Result<Option<u64>> {
        for index in 0..view.count {
            let Some(entry) = view.leaf(index, &mut next) else {
                self.element(view, index, scope);
                return Ok(None);
            };
            let Some(key) = entry.key.whole(MAX_KEY)?.filter(|key| !key.is_empty()) else {
                self.element(view, index, scope);
                return Ok(None);
            };
            let ordered = (index > 0 || *key >= *node.low)
                && (last.is_empty() || precedes(last, &key))
                && node.high.is_none_or(|high| precedes(&key, high));
            if !ordered {
                self.order(view, index, scope);
                return Ok(None);
            }
            let at = scope.at(view.page, entry.key.offset);
            match (scope.bucket, entry.flags) {
                (Some(_), 0) => self.visitor.entry(&key, &entry.value, at, self.findings)?,
                (None, BUCKET_FLAG) => self.bucket(&key, &entry.value, at)?,
                (None, 0) => {
                    let name = printable(&key);
                    self.findings.add(Damage::NotABucket { name }, at.place());
                }
                (_, flags) => self
                    .findings
                    .add(Damage::ElementFlags { flags }, at.place()),
            }
            *last = key;
        }
        Ok(Some(next))
    }

    fn bucket(&mut self, name: &[u8], value: &Bytes<'_>, at: At<'_>) -> io::Result<()> {
        let at = At {
            bucket: Some(name),
            ..at
        };
        let Some(bytes) = value.whole(MOST_INLINE)? else {
            self.findings.add(Damage::BucketHeader, at.place());
            return Ok(());
        };
        let (Some(root), Some(sequence)) = (u64_at(&bytes, 0), u64_at(&bytes, 8)) else {
            self.findings.add(Damage::BucketHeader, at.place());
            return Ok(());
        };
        if sequence != 0 {
            self.findings.add(Damage::Sequence { sequence }, at.place());
        }
        let wanted = self.visitor.bucket(name, self.findings);
        let mut scope = Scope::new(Some(name));
        if root != 0 {
            if value.length != BUCKET_HEADER {
                self.findings.add(Damage::BucketHeader, at.place());
            } else if wanted {
                self.subtree(Node::root(root), &mut scope)?;
            }
            return Ok(());
        }
        if !wanted {
            return Ok(());
        }
        let inline = bytes.get(BUCKET_HEADER as usize..).unwrap_or_default();
        let header = PageHeader::read(inline).filter(|header| {
            header.id == 0
                && header.overflow == 0
                && PageKind::of(header.flags) == Some(PageKind::Leaf)
        });
        let Some(header) = header else {
            self.findings.add(Damage::BucketHeader, at.place());
            return Ok(());
        };
        let view = View {
            source: self.image.source,
            page: at.page,
            kind: PageKind::Leaf,
            offset: value.offset + BUCKET_HEADER,
            span: inline.len() as u64,
            head: inline,
            count: header.count,
        };
        let used = self.leaf(&view, Node::root(at.page), &mut scope)?;
        if used.is_some_and(|used| used.max(PAGE_HEADER) != view.span) {
            self.findings.add(Damage::BucketHeader, at.place());
        }
        Ok(())
    }

    fn count(&mut self, view: &View<'_>, scope: &Scope<'_>) {
        let damage = Damage::Count {
            page: view.page,
            count: view.count,
        };
        self.findings
            .add(damage, scope.at(view.page, view.offset).place());
    }

    fn element(&mut self, view: &View<'_>, element: u16, scope: &Scope<'_>) {
        let damage = Damage::Element {
            page: view.page,
            kind: view.kind,
            element,
        };
        let offset = view.element_offset(element);
        self.findings
            .add(damage, scope.at(view.page, offset).place());
    }

    fn order(&mut self, view: &View<'_>, element: u16, scope: &Scope<'_>) {
        let damage = Damage::Order {
            page: view.page,
            element,
        };
        let offset = view.element_offset(element);
        self.findings
            .add(damage, scope.at(view.page, offset).place());
    }
}
