// CERTS: makes the files of a cluster's private authority and of its nodes.
//
//   DIR/ca.pem    the authority's certificate: every node has a copy
//   DIR/ca.key    its key: stays where certificates are issued, and nowhere else
//   DIR/NAME.pem  a node's certificate
//   DIR/NAME.key  its key
//
// Keys are readable by their owner only. A file that exists is never overwritten.
#pragma once

#include "app/commands/certificates.hpp"
#include "app/commands/cli.hpp"

#include <iosfwd>
#include <string>

namespace weir {

struct certs_options {
  std::string directory;
  certificate_request request; ///< issue only
  int authority_days = 3650;   ///< init only
};

int command_certs_init(const certs_options& options, std::ostream& out,
                       std::ostream& err);
int command_certs_issue(const certs_options& options, std::ostream& out,
                        std::ostream& err);

} // namespace weir
