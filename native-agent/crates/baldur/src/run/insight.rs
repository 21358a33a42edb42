//! What runs on this host's CPUs: opens the sampler, tries it on known work, and says what it is good for.
use norn_events::wire::event::v1::Capability;
use norn_insight::{Coverage, Sampler, of_this_cpu, self_test, thread_cpu_ns};
use norn_reflex::{InsightStatus, Source};

const MECHANISM: &str = "perf cpu-clock";

pub fn open() -> Option<Source> {
    let mut sampler = match Sampler::open() {
        Ok(sampler) => sampler,
        Err(error) => {
            tracing::error!(%error, "sampler_unavailable: what processes execute is not seen");
            return None;
        }
    };
    let decoder = of_this_cpu();
    if let Err(unsupported) = &decoder {
        tracing::warn!(%unsupported, "decoder_unavailable");
    }
    let self_test = self_test(&mut sampler, decoder.as_ref().ok().map(Box::as_ref));
    Some(Source {
        instructions: Box::new(sampler),
        decoder,
        self_test,
        cpu_ns: thread_cpu_ns,
    })
}

pub fn capabilities(status: &InsightStatus) -> [Capability; 2] {
    let refused = "perf_event_open was refused (CAP_PERFMON): what processes execute is not seen";
    let decodes = status.available && status.undecoded.is_empty();
    let Coverage { cpus, silent } = status.coverage;
    let detail = |limits: &str| match (status.available, silent) {
        (false, _) => refused.to_owned(),
        (true, 0) => limits.to_owned(),
        (true, _) => {
            format!("{silent} of {cpus} CPUs give no samples: what runs there is not seen; {limits}")
        }
    };
    [
        Capability {
            name: "process.instructions".to_owned(),
            available: decodes,
            mechanism: mechanism(decodes),
            detail: if decodes || !status.available {
                detail("sampled: what takes less than a tenth of a core is not judged")
            } else {
                status.undecoded.clone()
            },
            verified: status.self_test.decoded && silent == 0,
        },
        Capability {
            name: "process.code_origin".to_owned(),
            available: status.available,
            mechanism: mechanism(status.available),
            detail: detail("sampled: code that runs for less than a tenth of a second is not seen"),
            verified: status.self_test.placed && silent == 0,
        },
    ]
}

fn mechanism(is_available: bool) -> String {
    if is_available { MECHANISM } else { "" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use norn_insight::SelfTest;

    #[test]
    fn without_a_decoder_where_code_lies_is_told_nevertheless() {
        let status = InsightStatus {
            available: true,
            undecoded: "code of this CPU is not decoded".to_owned(),
            self_test: SelfTest {
                placed: true,
                ..SelfTest::default()
            },
            ..InsightStatus::default()
        };
        let [instructions, origin] = capabilities(&status);
        assert!(!instructions.available && instructions.detail == status.undecoded);
        assert!(origin.available && origin.verified);
    }

    #[test]
    fn a_cpu_that_gives_no_samples_is_said_and_nothing_is_verified() {
        let status = |silent| InsightStatus {
            available: true,
            self_test: SelfTest {
                decoded: true,
                placed: true,
                ..SelfTest::default()
            },
            coverage: Coverage { cpus: 4, silent },
            ..InsightStatus::default()
        };
        assert!(
            capabilities(&status(0))
                .iter()
                .all(|capability| capability.verified)
        );
        for capability in capabilities(&status(1)) {
            assert!(capability.available && !capability.verified);
            assert!(
                capability.detail.starts_with("1 of 4 CPUs give no samples"),
                "{capability:?}"
            );
        }
    }

    #[test]
    fn a_kernel_that_refuses_is_named_for_both() {
        let refused = capabilities(&InsightStatus::default());
        assert!(
            refused
                .iter()
                .all(|capability| !capability.available && capability.detail.contains("CAP_PERFMON"))
        );
    }
}
