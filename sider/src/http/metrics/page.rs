//! A page of metrics in the OpenMetrics text form: families in the order in which they were added, samples in the order
//! of their labels.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// A label and its value.
pub(super) type Label = (&'static str, String);

/// The families.
#[derive(Debug, Default)]
pub(super) struct Page(Vec<Family>);

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Gauges(Vec<(Vec<Label>, u64)>),
    Counters(Vec<(Vec<Label>, u64)>),
    Histogram { sum: f64, count: u64, buckets: Vec<(f64, u64)> },
}

impl Page {
    /// One gauge.
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, value: u64) {
        self.gauges(name, help, vec![(Vec::new(), value)]);
    }

    /// Gauges by labels.
    pub(super) fn gauges(&mut self, name: &'static str, help: &'static str, samples: Vec<(Vec<Label>, u64)>) {
        self.0.push(Family { name, help, samples: Samples::Gauges(samples) });
    }

    /// Counters by labels. The form adds `_total` to the name.
    pub(super) fn counters(&mut self, name: &'static str, help: &'static str, samples: Vec<(Vec<Label>, u64)>) {
        self.0.push(Family { name, help, samples: Samples::Counters(samples) });
    }

    /// A histogram: the count of each bucket alone, with its upper bound; the last one's is infinite.
    pub(super) fn histogram(&mut self, name: &'static str, help: &'static str, sum: f64, buckets: Vec<(f64, u64)>) {
        let count = buckets.iter().map(|(_, count)| count).sum();
        self.0.push(Family { name, help, samples: Samples::Histogram { sum, count, buckets } });
    }

    /// The text.
    pub(super) fn print(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for Family { name, help, samples } in &self.0 {
            let kind = match samples {
                Samples::Gauges(_) => MetricType::Gauge,
                Samples::Counters(_) => MetricType::Counter,
                Samples::Histogram { .. } => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            match samples {
                Samples::Gauges(samples) => each(&mut family, samples, |one, value| one.encode_gauge(value))?,
                Samples::Counters(samples) => {
                    each(&mut family, samples, |one, value| one.encode_counter::<NoLabelSet, _, u64>(value, None))?;
                }
                Samples::Histogram { sum, count, buckets } => {
                    family.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)?;
                }
            }
        }
        Ok(())
    }
}

/// Prints the samples of one family.
fn each<V>(
    family: &mut MetricEncoder<'_>,
    samples: &[(Vec<Label>, V)],
    print: impl Fn(&mut MetricEncoder<'_>, &V) -> fmt::Result,
) -> fmt::Result {
    for (labels, value) in samples {
        if labels.is_empty() {
            print(family, value)?;
        } else {
            print(&mut family.encode_family(labels)?, value)?;
        }
    }
    Ok(())
}
