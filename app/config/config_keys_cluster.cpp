#include "app/config/config_keys.hpp"

namespace weir {

using namespace std::chrono_literals;

void visit_cluster(key_visitor& v, cluster_section& c) {
  constexpr uint64_t mib = uint64_t{1} << 20;
  v.section({"cluster", "This node as one of many. Absent: it stands alone."}, [&] {
    v.texts({"roles",
             "What it does: `gateway` takes requests, `worker` validates and transforms, "
             "`persister` has journal and sink. One or several; with none there is no "
             "cluster.",
             "none"},
            c.roles, text_rule::label);
    v.address({"listen", "Address and port for other nodes; off loopback only with "
                         "`tls`. Port 0 takes a free one."},
              c.listen);
    v.text({"advertise", "host:port others reach it at.", "`listen`"}, c.advertise,
           text_rule::any);
    v.texts({"seeds",
             "host:port of some other nodes; a name may stand for several addresses, "
             "and an entry for several, separated by commas. The rest is learned from "
             "them.",
             "none"},
            c.seeds, text_rule::any);
    v.section({"tls", "Mutual TLS: both sides show a certificate of one private CA."},
              [&] {
                v.text({"ca", "PEM file of the CA (`weir certs init`).", "none"}, c.ca,
                       text_rule::read_path);
                v.text({"certificate",
                        "PEM file, issued for `node.name` (`weir certs issue`).", "none"},
                       c.certificate, text_rule::read_path);
                v.text({"key", "PEM file of its private key.", "none"}, c.key,
                       text_rule::read_path);
              });
    v.duration({"heartbeat", "How often each peer hears from this node."}, c.heartbeat,
               {10ms, 10s});
    v.duration({"silence", "A peer not heard of for so long is down: what it had goes to "
                           "others. At least three heartbeats."},
               c.silence, {50ms, 1min});
    v.section({"window", "What a peer may have here without a receipt, in each flow."},
              [&] {
                v.count({"batches", "Batches, each until its receipt."}, c.window_batches,
                        {1, 4096});
                v.bytes({"bytes", "And bytes; at least four times `ingest.batch_bytes`, "
                                  "and half of that and what it "
                                  "may be split into (transform.md). A batch that steps "
                                  "made twice as large as this "
                                  "is refused with 413."},
                        c.window_bytes, {1 * mib, 1024 * mib});
              });
    v.count({"peers_max", "Nodes linked at once, whoever dialed; more are refused, and a "
                          "seed among them is logged."},
            c.peers_max, {1, 1024});
  });
}

} // namespace weir
