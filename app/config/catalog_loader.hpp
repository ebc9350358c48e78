// CATALOG LOADER: compiles every stream's schema and steps.
#pragma once

#include "app/config/config.hpp"
#include "records/catalog.hpp"

namespace weir {

/// Failure: invalid_config with one line for each stream's schema or steps that do not
/// compile, beginning with the place in the configuration: `weir.yaml:12:
/// streams.web.schema: …`.
result<catalog_ptr> load_catalog(const config& settings);

} // namespace weir
