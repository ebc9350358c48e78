// What Prometheus' own clients tell of their process, under the same names, so that the usual
// dashboards and alerts find them. Read from the kernel with each page.
#pragma once

#include "base/clock.hpp"
#include "proto/telemetry.hpp"

namespace weir {

/// `clock` tells when the process started: about now.
void declare_process_metrics(telemetry& in, const clock_source& clock);

} // namespace weir
