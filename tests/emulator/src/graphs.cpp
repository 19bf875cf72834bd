#include "graphs.h"

#include "handles.h"
#include "streams.h"

namespace turboesm_emulator {

// The order of submission is one that all dependencies allow.
using Sequence = std::shared_ptr<const std::vector<Work>>;

struct Graph {
  Sequence work;
};

struct GraphExec {
  Sequence work;
};

namespace {

Handles<Graph>& graphs() {
  static auto* instance = new Handles<Graph>();
  return *instance;
}

Handles<GraphExec>& executables() {
  static auto* instance = new Handles<GraphExec>();
  return *instance;
}

CUresult run(const Sequence& sequence) {
  for (const Work& work : *sequence) {
    CUresult status = work();
    if (status != CUDA_SUCCESS) {
      return status;
    }
  }
  return CUDA_SUCCESS;
}

}  // namespace

CUgraph create_graph(std::vector<Work> work) {
  auto graph = std::make_unique<Graph>();
  graph->work = std::make_shared<const std::vector<Work>>(std::move(work));
  return graphs().add(std::move(graph));
}

}  // namespace turboesm_emulator

using namespace turboesm_emulator;

TURBOESM_EMULATOR_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* result, CUgraph graph,
                                                           unsigned long long) {
  Context* context;
  CUresult status = enter("cuGraphInstantiate", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!graphs().contains(graph)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto executable = std::make_unique<GraphExec>();
  executable->work = graph->work;
  *result = executables().add(std::move(executable));
  return CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuGraphDestroy(CUgraph graph) {
  Context* context;
  CUresult status = enter_to_release("cuGraphDestroy", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return graphs().remove(graph) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuGraphExecDestroy(CUgraphExec executable) {
  Context* context;
  CUresult status = enter_to_release("cuGraphExecDestroy", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return executables().remove(executable) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

TURBOESM_EMULATOR_API CUresult cuGraphUpload(CUgraphExec executable, CUstream) {
  Context* context;
  CUresult status = enter("cuGraphUpload", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  return executables().contains(executable) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

TURBOESM_EMULATOR_API CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  Context* context;
  CUresult status = enter("cuGraphLaunch", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!executables().contains(executable)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  Sequence sequence = executable->work;
  return submit("cuGraphLaunch", *context, stream, [sequence] { return run(sequence); });
}

// The number of recorded operations; nodes themselves have no form here.
TURBOESM_EMULATOR_API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode* nodes, size_t* count) {
  Context* context;
  CUresult status = enter("cuGraphGetNodes", &context);
  if (status != CUDA_SUCCESS) {
    return status;
  }
  if (!graphs().contains(graph)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (nodes != nullptr) {
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  *count = graph->work->size();
  return CUDA_SUCCESS;
}
