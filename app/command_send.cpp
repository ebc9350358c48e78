#include "app/command_send.hpp"

#include "app/config_text.hpp"
#include "app/file_source.hpp"
#include "app/send.hpp"
#include "app/server_post.hpp"
#include "app/units.hpp"

#include <ostream>

namespace weir {

std::string ingest_url(const config& settings) {
  return (settings.ingest.tls.enabled() ? "https://" : "http://")
         + to_string(from_here(settings.ingest.listen));
}

int command_send(const send_options& options, std::ostream& out, std::ostream& err) {
  auto post = post_to_server(options.server);
  if (!post) {
    err << post.error().text << '\n';
    return post.error().code == ec::io_failed ? exit_failed : exit_usage;
  }
  const auto source = open_source(options.file);
  if (!source) {
    err << source.error().text << '\n';
    return exit_failed;
  }
  cut_limits limits;
  limits.bytes = options.batch_bytes;
  request_cutter cutter{source->read, options.format, limits};
  progress_line progress{stderr_is_terminal()};
  send_terms terms;
  terms.stream = options.stream;
  terms.key = options.key.empty() ? random_run_key() : options.key;
  terms.rejected_shown_max = options.rejected_shown_max;
  sender sending{std::move(terms), *post, progress, out};
  const auto totals = sending.run(cutter, source->bytes_total);
  out << one_line(options.file, 256) << ": " << summary(totals) << std::endl;
  return totals.all_stored() ? exit_ok : exit_failed;
}

} // namespace weir
