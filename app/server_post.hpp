// SERVER POST: a patient_post over a real connection, with real waiting.
#pragma once

#include "app/command_send.hpp"
#include "app/patient_post.hpp"

namespace weir {

/// Failure: malformed_request for the URL, io_failed for the file of authorities.
result<patient_post> post_to_server(const server_options& options);

} // namespace weir
