// The JSON bodies of the operations listener. Pure; cold path.
#pragma once

#include "proto/cluster_view.hpp"
#include "proto/node_view.hpp"
#include "proto/telemetry.hpp"
#include "storage/dead_letters.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir {

std::string actors_page(const std::vector<actor_view>& actors);
std::string queues_page(const std::vector<queue_gauge*>& queues);
std::string cluster_page(const cluster_snapshot& cluster);
/// Without `bodies` a letter's body is left out.
std::string dead_letters_page(std::vector<dead_letter> letters, bool bodies);
std::string dead_letter_page(const dead_letter& letter);
/// RFC 9457.
std::string problem_page(int status, std::string_view code, std::string_view detail);

} // namespace weir
