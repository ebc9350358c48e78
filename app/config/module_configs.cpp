#include "app/config/module_configs.hpp"

#include "cluster/link_frame.hpp"

namespace weir {

ingest_config make_ingest_config(const config& settings) {
  const auto& from = settings.ingest;
  ingest_config to;
  to.host = from.listen.host;
  to.port = from.listen.port;
  to.io_threads = from.threads;
  to.connections_max = from.connections_max;
  to.tls_certificate_file = from.tls.certificate;
  to.tls_key_file = from.tls.key;
  to.head_bytes_max = from.head_bytes_max;
  to.head_fields_max = from.head_fields_max;
  to.head_timeout = from.head_timeout;
  to.idle_timeout = from.idle_timeout;
  to.request_timeout = from.request_timeout;
  to.body_rate_min = from.body_rate_min;
  to.body_bytes_max = from.body_bytes_max;
  to.inflate_ratio_max = from.inflate_ratio_max;
  to.zstd_window_max = from.zstd_window_max;
  to.batch_bytes = from.batch_bytes;
  to.batch_records = from.batch_records;
  to.streams_window = from.request_window;
  to.coalesce_bytes = from.coalesce_bytes;
  to.coalesce_window = from.coalesce_window;
  to.coalesce_large_window = from.coalesce_large_window;
  to.coalesce_wait = from.coalesce_wait;
  to.budget_bytes = from.budget_bytes;
  to.batches_max = from.batches_in_flight;
  // Every connection may wait for admission at once.
  to.waiters_max = from.connections_max;
  to.delay_max = from.delay_max;
  return to;
}

result<ingest_limits> make_ingest_limits(const config& settings) {
  const auto& from = settings.ingest;
  ingest_limits to;
  to.client_records_per_second = from.client_records_per_second;
  to.client_burst_records = from.client_burst_records;
  to.clients_max = from.clients_max;
  to.shed_low = from.shed.low;
  to.shed_normal = from.shed.normal;
  for (const auto& key : from.api_keys) {
    auto digest = parse_digest(key.sha256);
    if (!digest)
      return tl::unexpected(digest.error());
    to.keys.push_back(
      {key.name, *digest, key.streams, key.records_per_second, key.burst_records});
  }
  return to;
}

tunnel_config make_tunnel_config(const config& settings) {
  const auto& from = settings.cluster;
  tunnel_config to;
  to.host = from.listen.host == "localhost" ? "127.0.0.1" : from.listen.host;
  to.port = from.listen.port;
  to.seeds = from.seeds;
  to.self.name = settings.node_name;
  to.self.roles = settings.roles();
  to.self.address = from.advertise;
  to.identity = {from.ca, from.certificate, from.key};
  to.peers_max = from.peers_max;
  // Both flows' windows, and receipts, heartbeats and one frame beyond them.
  to.unread_bytes_max = 2 * from.window_bytes + 2 * frame_bytes_max;
  return to;
}

operations_config make_operations_config(const config& settings) {
  operations_config to;
  to.host = settings.operations.listen.host;
  to.port = settings.operations.listen.port;
  to.token_sha256 = settings.operations.token_sha256;
  return to;
}

} // namespace weir
