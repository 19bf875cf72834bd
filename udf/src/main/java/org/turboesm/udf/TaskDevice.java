package org.turboesm.udf;

import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.turboesm.TurboEsmException;

/**
 * The GPU that Spark has given a task.
 *
 * @param addresses as the discovery script names them; empty where the task has none
 */
record TaskDevice(List<String> addresses) {
  /** Spark's name of the resource. */
  static final String GPU = "gpu";

  private static final Logger LOG = LoggerFactory.getLogger(TaskDevice.class);

  TaskDevice {
    addresses = List.copyOf(addresses);
  }

  /** That of the task of this thread; outside of tasks there is none. */
  static TaskDevice ofRunningTask() {
    TaskContext task = TaskContext.get();
    ResourceInformation gpus = task == null ? null : task.resourcesJMap().get(GPU);
    if (gpus == null) {
      return new TaskDevice(List.of());
    }
    TaskDevice device = new TaskDevice(List.of(gpus.addresses()));
    LOG.info(
        "stage {}, task {} has GPU {}",
        task.stageId(),
        task.taskAttemptId(),
        String.join(",", device.addresses));
    return device;
  }

  /**
   * Its ordinal.
   *
   * @param otherwise where the task has no GPU
   * @throws TurboEsmException if there are several, or the address is no ordinal
   */
  int ordinal(int otherwise) {
    if (addresses.isEmpty()) {
      return otherwise;
    }
    if (addresses.size() > 1) {
      throw new TurboEsmException(
          "a task has GPUs "
              + String.join(", ", addresses)
              + ", but runs on one: set spark.task.resource.gpu.amount to 1 or less");
    }
    String address = addresses.get(0);
    if (!address.matches("[0-9]{1,4}")) {
      throw new TurboEsmException(
          "GPU address \""
              + address
              + "\" is no ordinal such as 0: let spark.executor.resource.gpu.discoveryScript (on a"
              + " standalone cluster, the worker's) be conf/gpu-discovery.sh");
    }
    return Integer.parseInt(address);
  }
}
