//! Compiling and running small chains for the examples.

use filters::{
    AnswerId, AnswerInput, Chain, ChainInput, Client, Context, Entropy, FilterStep, MetaTable, OnEmpty,
    Scratch, Selection,
};
use geoip_data::GeoData;
use serde_json::Value;

/// A chain with what it takes to run it.
pub struct Runner {
    chain: Chain,
    answers: usize,
    scratch: Scratch,
    selection: Selection,
}

impl Runner {
    /// Compiles steps over answers given by identifier and metadata.
    pub fn new(steps: &Value, answers: &[(u32, Value)]) -> Self {
        let steps: Vec<FilterStep> = serde_json::from_value(steps.clone()).expect("steps");
        let metas: Vec<MetaTable> = answers
            .iter()
            .map(|(_, meta)| MetaTable::parse(meta.as_object().expect("an object")).expect("metadata"))
            .collect();
        let inputs: Vec<AnswerInput<'_>> = answers
            .iter()
            .zip(&metas)
            .map(|((number, _), meta)| {
                let mut id = [7; 12];
                id[8..].copy_from_slice(&number.to_be_bytes());
                AnswerInput { id: AnswerId(id), meta, region: None }
            })
            .collect();
        let input = ChainInput {
            steps: &steps,
            answers: &inputs,
            regions: &[],
            record: &MetaTable::default(),
            record_type: 1,
            on_empty: OnEmpty::Nodata,
        };
        let chain = Chain::compile(&input, &|_| None).expect("a chain");
        Self { chain, answers: answers.len(), scratch: Scratch::new(), selection: Selection::new() }
    }

    /// Runs the chain once; gives the answers that are left and the scope.
    pub fn run(&mut self, client: Client, geo: &GeoData, entropy: &mut Entropy) -> (&[u16], u8) {
        self.selection.reset(self.answers);
        let mut context = Context::new(client, geo, entropy, &mut self.scratch);
        self.chain.run(&mut context, &mut self.selection, &mut ());
        let scope_bits = context.scope_bits();
        (self.selection.as_slice(), scope_bits)
    }
}
