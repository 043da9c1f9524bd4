//! Finding what a zone has for a name.
//!
//! The order is that of RFC 1034, 4.3.2 with RFC 6672: from the apex down, the first zone cut or DNAME above
//! the name ends the search; then the name itself; then the wildcard of the closest encloser (RFC 4592).
//! Empty non-terminals are nodes, so that they exist (RFC 8020) and stop wildcards above them. A zone without
//! cuts and DNAMEs is not walked: the name is looked for at once.

use super::hash::keys;
use super::nodes::Node;
use super::query_name::QueryName;
use super::zone::Zone;
use super::zone_match::ZoneMatch;
use crate::record_type::RecordType;

/// What a zone has for a name.
#[derive(Clone, Copy)]
pub enum Lookup<'a> {
    /// The name exists. Without the type asked for, and without a CNAME, this is NODATA.
    Found(Node<'a>),
    /// The name does not exist; this wildcard stands for it, in the same way.
    Wildcard {
        /// The node of the wildcard.
        node: Node<'a>,
        /// The label of the question at which the closest encloser begins: the wildcard stands for those before.
        encloser_label: usize,
    },
    /// The name is at or below a zone cut: a referral. (A question for DS at the cut itself is
    /// [`Lookup::Found`], RFC 4035, 3.1.4.1.)
    Delegation {
        /// The node with the NS RRset.
        cut: Node<'a>,
        /// The label of the question at which the cut's name begins.
        cut_label: usize,
    },
    /// The name is below a DNAME.
    Dname {
        /// The node with the DNAME RRset.
        node: Node<'a>,
        /// The label of the question at which the DNAME's owner begins.
        owner_label: usize,
    },
    /// The name does not exist, and nothing below it does.
    NxDomain,
}

impl<'a> ZoneMatch<'a> {
    /// Looks the name up for which the zone was found.
    #[inline]
    pub fn lookup(&self, name: &QueryName, rtype: RecordType) -> Lookup<'a> {
        let Self { zone, apex_label, .. } = *self;
        if apex_label == 0 {
            return Lookup::Found(self.node(name).unwrap_or(Node::EMPTY));
        }
        if zone.tally.cuts > 0 || zone.tally.dnames > 0 {
            return zone.walk(name, apex_label, rtype);
        }
        if let Some(node) = self.node(name) {
            return Lookup::Found(node);
        }
        if zone.tally.wildcards == 0 {
            return Lookup::NxDomain;
        }
        let encloser =
            (1..apex_label).find_map(|label| zone.node_at(name, label, apex_label).map(|node| (label, node)));
        match encloser {
            Some((label, node)) => zone.wildcard(name, label, apex_label, node.has_wildcard_child()),
            None => zone.wildcard(name, apex_label, apex_label, zone.apex_has_wildcard_child),
        }
    }
}

impl Zone {
    /// Looks up a name of this zone. `apex_label` is the label of the name at which the zone's apex begins.
    pub fn lookup<'a>(&'a self, name: &QueryName, apex_label: usize, rtype: RecordType) -> Lookup<'a> {
        ZoneMatch::new(self, apex_label).lookup(name, rtype)
    }

    /// The node of a name from `label` on, whether or not a cut or a DNAME above hides it: for glue.
    #[inline]
    pub fn node_at<'a>(&'a self, name: &QueryName, label: usize, apex_label: usize) -> Option<Node<'a>> {
        let hash = name.relative_hash(keys(), label, apex_label);
        self.table.find(hash, name.relative(label, apex_label))
    }

    /// Looks up a name below the apex in a zone that has cuts or DNAMEs.
    fn walk<'a>(&'a self, name: &QueryName, apex_label: usize, rtype: RecordType) -> Lookup<'a> {
        if self.apex_has_dname {
            return Lookup::Dname { node: self.apex_node(), owner_label: apex_label };
        }
        let keys = keys();
        let mut hash = keys.origin;
        let mut has_wildcard_child = self.apex_has_wildcard_child;
        for label in (1..apex_label).rev() {
            hash = keys.join(hash, name.label_hash(label));
            let Some(node) = self.table.find(hash, name.relative(label, apex_label)) else {
                return self.wildcard(name, label + 1, apex_label, has_wildcard_child);
            };
            if node.is_cut() {
                return Lookup::Delegation { cut: node, cut_label: label };
            }
            if node.has_dname() {
                return Lookup::Dname { node, owner_label: label };
            }
            has_wildcard_child = node.has_wildcard_child();
        }
        hash = keys.join(hash, name.label_hash(0));
        match self.table.find(hash, name.relative(0, apex_label)) {
            Some(node) if node.is_cut() && rtype != RecordType::DS => {
                Lookup::Delegation { cut: node, cut_label: 0 }
            }
            Some(node) => Lookup::Found(node),
            None => self.wildcard(name, 1, apex_label, has_wildcard_child),
        }
    }

    /// The wildcard below the closest encloser, or that nothing exists.
    fn wildcard<'a>(
        &'a self,
        name: &QueryName,
        encloser: usize,
        apex_label: usize,
        has_wildcard_child: bool,
    ) -> Lookup<'a> {
        if !has_wildcard_child {
            return Lookup::NxDomain;
        }
        let keys = keys();
        let hash = keys.join(name.relative_hash(keys, encloser, apex_label), keys.wildcard_label);
        match self.table.find_wildcard(hash, name.relative(encloser, apex_label)) {
            Some(node) => Lookup::Wildcard { node, encloser_label: encloser },
            None => Lookup::NxDomain,
        }
    }
}
