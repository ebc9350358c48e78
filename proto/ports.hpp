// The seams between the sockets and the actors. HTTP code sees only a `pipeline_port`;
// actors see only a `receipt_port`. Tests and the simulation implement either.
#pragma once

#include "proto/batch.hpp"

#include <memory>

namespace weir {

/// The way back to whoever owns batches: an I/O thread, or a simulated client. All functions may
/// be called from any thread, never block and never throw.
class receipt_port {
 public:
  virtual ~receipt_port() = default;

  /// The batch's fate is final. May come twice for one batch: ignore the second.
  virtual void deliver(std::shared_ptr<const batch_receipt> receipt) noexcept = 0;

  /// Every record up to and including `sequence` is committed in the sink.
  virtual void stored(uint64_t sequence) noexcept = 0;

  /// A stage was away and is back: submit every batch without a receipt again. The batch
  /// key makes a second copy of a batch that did get through harmless.
  virtual void resubmit() noexcept = 0;
};

/// The way into the pipeline. Any thread; never blocks; never throws.
class pipeline_port {
 public:
  virtual ~pipeline_port() = default;

  /// Hands the batch to the first stage. False when that stage is away: the caller answers 503
  /// if it has not admitted the batch yet, else keeps it and waits for resubmit().
  [[nodiscard]] virtual bool submit(batch_ptr batch) noexcept = 0;

  /// Registers an owner of batches for stored() and resubmit(); forgotten when it is destroyed.
  virtual void attach(std::weak_ptr<receipt_port> owner) = 0;
};

} // namespace weir
