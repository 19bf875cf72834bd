#include "streams.h"

#include <vector>

#include "graphs.h"
#include "handles.h"
#include "planned_failures.h"
#include "report.h"
#include "settings.h"

namespace turboesm_emulator {

namespace {

Handles<Stream>& streams() {
  static auto* instance = new Handles<Stream>();
  return *instance;
}

Handles<Event>& events() {
  static auto* instance = new Handles<Event>();
  return *instance;
}

// Guards captures and events. Never held while work runs.
std::recursive_mutex state_mutex;
using StateLock = std::lock_guard<std::recursive_mutex>;

// Held while late work runs, since one stream's work may wait for another's.
std::recursive_mutex late_mutex;

bool late() { return settings().stream_timing == StreamTiming::LATE; }

// Handles 0, 1 and 2 name the legacy stream and the thread's own; here the second is the first.
bool is_legacy(CUstream stream) { return reinterpret_cast<uintptr_t>(stream) <= 2; }

CUresult check(const Context& context, CUstream stream) {
  if (is_legacy(stream)) {
    return CUDA_SUCCESS;
  }
  if (!streams().contains(stream)) {
    report("%p is not a stream, or no longer", static_cast<void*>(stream));
    return CUDA_ERROR_INVALID_HANDLE;
  }
  return stream->context == &context ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

std::vector<Stream*> streams_of(const Context& context) {
  return streams().select([&](const Stream& stream) { return stream.context == &context; });
}

// Runs queued work until `done`, or to the end of the queue.
template <typename Done>
CUresult run_queue(Stream& stream, Done done) {
  std::lock_guard<std::recursive_mutex> lock(late_mutex);
  while (!stream.queue.empty() && !done()) {
    Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    CUresult status = conclude(*stream.context, work());
    if (status != CUDA_SUCCESS) {
      if (loses_context(status)) {
        stream.queue.clear();
      }
      return status;
    }
  }
  return CUDA_SUCCESS;
}

CUresult run_all(Stream& stream) {
  return run_queue(stream, [] { return false; });
}

// What the legacy stream waits for.
CUresult run_blocking_streams(const Context& context) {
  if (!late()) {
    return CUDA_SUCCESS;
  }
  for (Stream* stream : streams_of(context)) {
    if ((stream->flags & CU_STREAM_NON_BLOCKING) == 0) {
      CUresult status = run_all(*stream);
      if (status != CUDA_SUCCESS) {
        return status;
      }
    }
  }
  return CUDA_SUCCESS;
}

CUresult run_now(Stream& stream, const Work& work) {
  std::lock_guard<std::recursive_mutex> lock(stream.running);
  return conclude(*stream.context, work());
}

CUresult wait_for(const std::shared_ptr<EventRecord>& record) {
  if (record->done || record->stream == nullptr || !streams().contains(record->stream)) {
    return CUDA_SUCCESS;
  }
  return run_queue(*record->stream, [&] { return record->done; });
}

void invalidate(Capture& capture, const char* function, CUresult status) {
  if (!capture.invalid) {
    report("%s during a stream's capture: error %d, and the capture is void", function, status);
  }
  capture.invalid = true;
}

}  // namespace

CUresult forbid_during_capture(const char* function) {
  StateLock lock(state_mutex);
  CUresult status = CUDA_SUCCESS;
  for (Stream* stream : streams().select([](const Stream& s) { return s.capture != nullptr; })) {
    Capture& capture = *stream->capture;
    bool forbids = capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL ||
                   (capture.mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL &&
                    capture.owner == std::this_thread::get_id());
    if (forbids) {
      status = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
      invalidate(capture, function, status);
    }
  }
  return status;
}

CUresult forbid_during_any_capture(const Context& context, const char* function, CUresult status) {
  StateLock lock(state_mutex);
  CUresult result = CUDA_SUCCESS;
  for (Stream* stream : streams_of(context)) {
    bool concerned = status != CUDA_ERROR_STREAM_CAPTURE_IMPLICIT ||
                     (stream->flags & CU_STREAM_NON_BLOCKING) == 0;
    if (stream->capture != nullptr && concerned) {
      result = status;
      invalidate(*stream->capture, function, status);
    }
  }
  return result;
}

bool is_capturing(CUstream stream) {
  StateLock lock(state_mutex);
  return !is_legacy(stream) && streams().contains(stream) && stream->capture != nullptr;
}

CUresult submit(const char* function, Context& context, CUstream stream, Work work) {
  CUresult status = check(context, stream);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (is_legacy(stream)) {
    return run_synchronously(function, context, work);
  }
  {
    StateLock lock(state_mutex);
    if (stream->capture != nullptr) {
      Capture& capture = *stream->capture;
      if (capture.invalid) {
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
      }
      capture.work.push_back(std::move(work));
      capture.branches[stream].operations++;
      return CUDA_SUCCESS;
    }
  }
  if (!late()) {
    return run_now(*stream, work);
  }
  std::lock_guard<std::recursive_mutex> lock(late_mutex);
  stream->queue.push_back(std::move(work));
  return CUDA_SUCCESS;
}

CUresult run_synchronously(const char* function, Context& context, const Work& work) {
  CUresult status =
      forbid_during_any_capture(context, function, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  if (status == CUDA_SUCCESS) {
    status = run_blocking_streams(context);
  }
  return status != CUDA_SUCCESS ? status : conclude(context, work());
}

CUresult synchronize(Context& context) {
  if (!late()) {
    return CUDA_SUCCESS;
  }
  for (Stream* stream : streams_of(context)) {
    CUresult status = run_all(*stream);
    if (status != CUDA_SUCCESS) {
      return status;
    }
  }
  return CUDA_SUCCESS;
}

CUresult synchronize(Context& context, CUstream stream) {
  CUresult status = check(context, stream);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (is_legacy(stream)) {
    return run_synchronously("cuStreamSynchronize", context, [] { return CUDA_SUCCESS; });
  }
  if (late()) {
    return run_all(*stream);
  }
  // Another thread's work may be under way.
  return run_now(*stream, [] { return CUDA_SUCCESS; });
}

void destroy_streams_of(Context& context) {
  for (Stream* stream : streams_of(context)) {
    streams().remove(stream);
  }
  for (Event* event : events().select([&](const Event& e) { return e.context == &context; })) {
    events().remove(event);
  }
}

namespace {

CUresult create_stream(const char* function, CUstream* stream, unsigned flags, int priority) {
  Context* context;
  CUresult status = enter(function, &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (flags > CU_STREAM_NON_BLOCKING) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto created = std::make_unique<Stream>();
  created->context = context;
  created->flags = flags;
  created->priority = std::min(LEAST_STREAM_PRIORITY, std::max(GREATEST_STREAM_PRIORITY, priority));
  *stream = streams().add(std::move(created));
  return CUDA_SUCCESS;
}

CUresult enter_for_stream(const char* function, CUstream stream, Context** context) {
  CUresult status = enter(function, context);
  return status != CUDA_SUCCESS ? status : check(**context, stream);
}

CUresult enter_for_event(const char* function, CUevent event, Context** context) {
  CUresult status = enter(function, context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!events().contains(event)) {
    report("%s: %p is not an event, or no longer", function, static_cast<void*>(event));
    return CUDA_ERROR_INVALID_HANDLE;
  }
  return CUDA_SUCCESS;
}

// A call about the stream that its own capture forbids.
CUresult forbid_in_captured(CUstream stream, const char* function) {
  StateLock lock(state_mutex);
  if (!is_capturing(stream)) {
    return CUDA_SUCCESS;
  }
  invalidate(*stream->capture, function, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

// A call about the event that a capture which recorded it forbids.
CUresult forbid_for_captured(const Event& event, const char* function) {
  StateLock lock(state_mutex);
  if (event.record == nullptr || event.record->capture == nullptr) {
    return CUDA_SUCCESS;
  }
  invalidate(*event.record->capture, function, CUDA_ERROR_CAPTURED_EVENT);
  return CUDA_ERROR_CAPTURED_EVENT;
}

}  // namespace

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

// ---- streams ------------------------------------------------------------------------------------

TURBOESM_EMULATOR_API CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  return create_stream("cuStreamCreate", stream, flags, LEAST_STREAM_PRIORITY);
}

TURBOESM_EMULATOR_API CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags,
                                                          int priority) {
  return create_stream("cuStreamCreateWithPriority", stream, flags, priority);
}

TURBOESM_EMULATOR_API CUresult cuStreamDestroy_v2(CUstream stream) {
  Context* context;
  CUresult status = enter_to_release("cuStreamDestroy", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (is_legacy(stream) || !streams().contains(stream)) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  CUresult waited = synchronize(*stream->context, stream);
  streams().remove(stream);
  return waited;
}

TURBOESM_EMULATOR_API CUresult cuStreamSynchronize(CUstream stream) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamSynchronize", stream, &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_in_captured(stream, "cuStreamSynchronize");
  }
  return status != CUDA_SUCCESS ? status : synchronize(*context, stream);
}

// Late work has no other moment to run in: a query lets it run, and finds it done.
TURBOESM_EMULATOR_API CUresult cuStreamQuery(CUstream stream) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamQuery", stream, &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_in_captured(stream, "cuStreamQuery");
  }
  return status != CUDA_SUCCESS ? status : synchronize(*context, stream);
}

TURBOESM_EMULATOR_API CUresult cuStreamGetPriority(CUstream stream, int* priority) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamGetPriority", stream, &context);
  if (status == CUDA_SUCCESS) {
    *priority = is_legacy(stream) ? LEAST_STREAM_PRIORITY : stream->priority;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuStreamGetFlags(CUstream stream, unsigned* flags) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamGetFlags", stream, &context);
  if (status == CUDA_SUCCESS) {
    *flags = is_legacy(stream) ? 0 : stream->flags;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuStreamGetCtx(CUstream stream, CUcontext* result) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamGetCtx", stream, &context);
  if (status == CUDA_SUCCESS) {
    *result = context;
  }
  return status;
}

TURBOESM_EMULATOR_API CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamWaitEvent", stream, &context);
  if (status == CUDA_SUCCESS) {
    status = enter_for_event("cuStreamWaitEvent", event, &context);
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  std::shared_ptr<EventRecord> record;
  {
    StateLock lock(state_mutex);
    record = event->record;
    if (record == nullptr) {
      return CUDA_SUCCESS;
    }
    if (record->capture != nullptr) {
      if (is_legacy(stream)) {
        invalidate(*record->capture, "cuStreamWaitEvent in the legacy stream",
                   CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
      }
      Capture& capture = *record->capture;
      if (stream->capture == nullptr) {
        stream->capture = record->capture;
        capture.branches[stream] = {1, 0};
      } else if (stream->capture != record->capture) {
        invalidate(capture, "cuStreamWaitEvent", CUDA_ERROR_STREAM_CAPTURE_MERGE);
        return CUDA_ERROR_STREAM_CAPTURE_MERGE;
      }
      if (record->stream != stream) {
        Capture::Branch& branch = capture.branches[record->stream];
        branch.joined = std::max(branch.joined, record->operations);
        capture.branches[stream].operations++;
      }
      return CUDA_SUCCESS;
    }
    if (is_capturing(stream)) {
      // Work from before the capture.
      invalidate(*stream->capture, "cuStreamWaitEvent", CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
      return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
  }
  return submit("cuStreamWaitEvent", *context, stream, [record] { return wait_for(record); });
}

TURBOESM_EMULATOR_API CUresult cuLaunchHostFunc(CUstream stream, void (*function)(void*),
                                                void* data) {
  Context* context;
  CUresult status = enter_for_stream("cuLaunchHostFunc", stream, &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return submit("cuLaunchHostFunc", *context, stream, [function, data] {
    function(data);
    return CUDA_SUCCESS;
  });
}

TURBOESM_EMULATOR_API CUresult cuCtxSynchronize() {
  Context* context;
  CUresult status = enter("cuCtxSynchronize", &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_during_any_capture(*context, "cuCtxSynchronize",
                                       CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  }
  return status != CUDA_SUCCESS ? status : synchronize(*context);
}

// ---- capture ------------------------------------------------------------------------------------

TURBOESM_EMULATOR_API CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamBeginCapture", stream, &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (is_legacy(stream)) {
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  StateLock lock(state_mutex);
  if (stream->capture != nullptr) {
    return CUDA_ERROR_ILLEGAL_STATE;
  }
  stream->capture = std::make_shared<Capture>();
  stream->capture->origin = stream;
  stream->capture->mode = mode;
  stream->capture->owner = std::this_thread::get_id();
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamEndCapture", stream, &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  StateLock lock(state_mutex);
  *graph = nullptr;
  if (!is_capturing(stream)) {
    return CUDA_ERROR_ILLEGAL_STATE;
  }
  std::shared_ptr<Capture> capture = stream->capture;
  if (capture->origin != stream) {
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED &&
      capture->owner != std::this_thread::get_id()) {
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  bool unjoined = false;
  for (auto& entry : capture->branches) {
    if (entry.first != stream) {
      unjoined |= entry.second.joined < entry.second.operations;
      if (streams().contains(entry.first)) {
        entry.first->capture = nullptr;
      }
    }
  }
  stream->capture = nullptr;
  if (capture->invalid) {
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  }
  if (unjoined) {
    report("cuStreamEndCapture: the stream has not waited for another stream's last work");
    return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  }
  *graph = create_graph(std::move(capture->work));
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* result) {
  Context* context;
  CUresult status = enter_for_stream("cuStreamIsCapturing", stream, &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  StateLock lock(state_mutex);
  *result = !is_capturing(stream)      ? CU_STREAM_CAPTURE_STATUS_NONE
            : stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                       : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

// ---- events -------------------------------------------------------------------------------------

TURBOESM_EMULATOR_API CUresult cuEventCreate(CUevent* event, unsigned flags) {
  Context* context;
  CUresult status = enter("cuEventCreate", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  auto created = std::make_unique<Event>();
  created->context = context;
  created->flags = flags;
  *event = events().add(std::move(created));
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuEventDestroy_v2(CUevent event) {
  Context* context;
  CUresult status = enter_to_release("cuEventDestroy", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return events().remove(event) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuEventRecord(CUevent event, CUstream stream) {
  Context* context;
  CUresult status = enter_for_stream("cuEventRecord", stream, &context);
  if (status == CUDA_SUCCESS) {
    status = enter_for_event("cuEventRecord", event, &context);
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  auto record = std::make_shared<EventRecord>();
  record->stream = is_legacy(stream) ? nullptr : stream;
  {
    StateLock lock(state_mutex);
    event->record = record;
    if (is_capturing(stream)) {
      record->capture = stream->capture;
      record->operations = stream->capture->branches[stream].operations;
      return CUDA_SUCCESS;
    }
  }
  return submit("cuEventRecord", *context, stream, [record] {
    record->time = std::chrono::steady_clock::now();
    record->done = true;
    return CUDA_SUCCESS;
  });
}

TURBOESM_EMULATOR_API CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned) {
  return cuEventRecord(event, stream);
}

TURBOESM_EMULATOR_API CUresult cuEventSynchronize(CUevent event) {
  Context* context;
  CUresult status = enter_for_event("cuEventSynchronize", event, &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_for_captured(*event, "cuEventSynchronize");
  }
  if (status != CUDA_SUCCESS || event->record == nullptr) {
    return status;
  }
  return wait_for(event->record);
}

TURBOESM_EMULATOR_API CUresult cuEventQuery(CUevent event) {
  Context* context;
  CUresult status = enter_for_event("cuEventQuery", event, &context);
  if (status == CUDA_SUCCESS) {
    status = forbid_for_captured(*event, "cuEventQuery");
  }
  if (status == CUDA_SUCCESS) {
    status = forbid_during_capture("cuEventQuery");
  }
  if (status != CUDA_SUCCESS || event->record == nullptr) {
    return status;
  }
  return wait_for(event->record);
}

TURBOESM_EMULATOR_API CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  Context* context;
  CUresult status = enter_for_event("cuEventElapsedTime", start, &context);
  if (status == CUDA_SUCCESS) {
    status = enter_for_event("cuEventElapsedTime", end, &context);
  }
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) != 0 || start->record == nullptr ||
      end->record == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (!start->record->done || !end->record->done) {
    return CUDA_ERROR_NOT_READY;
  }
  std::chrono::duration<float, std::milli> elapsed = end->record->time - start->record->time;
  *milliseconds = elapsed.count();
  return CUDA_SUCCESS;
}
