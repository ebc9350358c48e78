// WIRE IDENTITY: who a node is on the wire: its certificate, its key, and the one CA that
// certifies it and its peers.
#pragma once

#include "base/result.hpp"

#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <string>

namespace weir {

/// PEM files; all or none.
struct wire_identity {
  std::string ca;
  std::string certificate;
  std::string key;
  bool enabled() const noexcept { return !ca.empty(); }
};

/// TLS 1.3; both sides need a certificate of the one CA. invalid_config names the file,
/// or says that the certificate is not for `name`.
result<std::unique_ptr<boost::asio::ssl::context>>
make_wire_context(const wire_identity& identity, const std::string& name);

std::string common_name(const X509* certificate);

} // namespace weir
