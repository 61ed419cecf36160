//! Services and checks, as requests give them and as configuration files do. What is taken is written for a file of the
//! agent and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_agent::{CheckDefinition, ServiceDefinition};
use quorate_api::go_json::from_slice;
use quorate_api::{AgentCheckDefinition, definition};

fuzz_target!(|body: &[u8]| {
    if let Ok(service) = from_slice::<quorate_api::ServiceDefinition>(body) {
        let again: quorate_api::ServiceDefinition = from_slice(&serde_json::to_vec(&service).unwrap()).unwrap();
        // A token is not kept, nor the service that a check inside of one names.
        assert_eq!(ServiceDefinition::try_from(service), ServiceDefinition::try_from(again));
    }
    if let Ok(check) = from_slice::<AgentCheckDefinition>(body) {
        let again: AgentCheckDefinition = from_slice(&serde_json::to_vec(&check).unwrap()).unwrap();
        assert_eq!(CheckDefinition::try_from(check), CheckDefinition::try_from(again));
    }
    if let Ok(value) = serde_json::from_slice(body) {
        drop(definition::service_from_file(&value).map(ServiceDefinition::try_from));
        drop(definition::check_from_file(&value).map(CheckDefinition::try_from));
    }
});
