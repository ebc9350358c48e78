// SERVER POST: a patient_post over a real connection, with real waiting.
#pragma once

#include "app/send/interruption.hpp"
#include "app/send/patient_post.hpp"
#include "app/send/server_options.hpp"

namespace weir {

/// Failure: malformed_request for the URL, io_failed for the file of authorities. `stop`, which
/// outlives the result, ends waits and repetitions, and in the end the request on its way.
result<patient_post> post_to_server(const server_options& options,
                                    interruption* stop = nullptr);

} // namespace weir
