// CERTIFICATES: the private authority of a cluster and the certificates of its nodes, as PEM
// texts. Keys are EC P-256; signatures ECDSA with SHA-256. A node's certificate carries
// CN=NAME and the DNS names NAME.weir and whatever hosts it was asked for, and is good for
// both ends of a connection. Nothing here touches a file.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct certificate_pair {
  std::string certificate; ///< PEM
  std::string key;         ///< PEM, PKCS #8, not encrypted: whoever reads it is the node
};

struct certificate_request {
  std::string name;               ///< is_certificate_name()
  std::vector<std::string> hosts; ///< is_certificate_host()
  int days = 825;                 ///< never beyond the authority's own end
};

/// True for a name that a node's certificate may have: it becomes a file name, a CN and a DNS name.
bool is_certificate_name(std::string_view name) noexcept;
/// True for an IPv4 or IPv6 address, or a DNS name (`*.` in front allowed).
bool is_certificate_host(const std::string& host);

/// A new authority, valid from an hour ago (clocks differ) for `days` days.
result<certificate_pair> make_authority(int days);

/// invalid_config when `authority` is not a certificate with its key, or has ended.
result<certificate_pair> issue_certificate(const certificate_pair& authority,
                                           const certificate_request& request);

/// The end of the first certificate of `pem`, as `2034-05-17T10:05:03Z`.
result<std::string> certificate_end(const std::string& pem);

} // namespace weir
