package org.turboesm.udf;

import org.apache.spark.SparkConf;
import org.apache.spark.resource.ExecutorResourceRequests;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;
import org.turboesm.TurboEsmException;

/**
 * What Spark's configuration says of executors with GPUs, and the resource profile that follows.
 *
 * <ul>
 *   <li>{@code spark.executor.resource.gpu.amount} without dynamic allocation: all executors have
 *       GPUs, and the profile asks for a share of one for each task. It uses the executors that are
 *       there, on standalone clusters, YARN and Kubernetes.
 *   <li>The same with dynamic allocation: Spark would start other executors for any profile, while
 *       idle ones hold the GPUs. So there is no profile, and {@code spark.task.resource.gpu.amount}
 *       gives every task of the job its share.
 *   <li>{@code spark.turboesm.executor.resource.gpu.amount} with dynamic allocation: executors have
 *       no GPU but those that Spark starts for this profile, with {@code .discoveryScript} and
 *       {@code .vendor} as of Spark's own keys.
 * </ul>
 */
final class GpuConf {
  private static final String EXECUTOR = "spark.executor.resource.gpu.";
  private static final String ADDED_EXECUTOR = "spark.turboesm.executor.resource.gpu.";
  private static final String TASK_AMOUNT = "spark.task.resource.gpu.amount";
  private static final String DYNAMIC = "spark.dynamicAllocation.enabled";

  private final SparkConf conf;

  GpuConf(SparkConf conf) {
    this.conf = conf;
  }

  /**
   * The profile of a stage whose tasks use GPUs.
   *
   * @param tasksPerGpu tasks that share one
   * @return null where the stage needs none: there are no GPUs, or all tasks get one anyway
   * @throws TurboEsmException if the configuration contradicts itself
   */
  ResourceProfile profile(int tasksPerGpu) {
    boolean dynamic = conf.getBoolean(DYNAMIC, false);
    boolean added = amount(ADDED_EXECUTOR) > 0;
    boolean always = amount(EXECUTOR) > 0;
    if (added && !dynamic) {
      throw new TurboEsmException(
          ADDED_EXECUTOR
              + "amount needs "
              + DYNAMIC
              + "=true; without it, give all executors their GPUs by "
              + EXECUTOR
              + "amount");
    }
    if (added) {
      return share(tasksPerGpu).require(addedExecutors()).build();
    }
    if (!always) {
      return null;
    }
    if (!dynamic) {
      return share(tasksPerGpu).build();
    }
    if (!conf.contains(TASK_AMOUNT)) {
      throw new TurboEsmException(
          "with "
              + DYNAMIC
              + "=true and "
              + EXECUTOR
              + "amount, no task would get a GPU: set "
              + TASK_AMOUNT
              + " too, such as 0.5 for two tasks a GPU; or ask for executors with GPUs for the"
              + " model's stages alone, by "
              + ADDED_EXECUTOR
              + "amount instead");
    }
    return null;
  }

  private long amount(String resource) {
    return conf.getLong(resource + "amount", 0);
  }

  private static ResourceProfileBuilder share(int tasksPerGpu) {
    return new ResourceProfileBuilder()
        .require(new TaskResourceRequests().resource(TaskDevice.GPU, 1.0 / tasksPerGpu));
  }

  /** Memory, and cores where none are said, are those of the other executors. */
  private ExecutorResourceRequests addedExecutors() {
    ExecutorResourceRequests requests =
        new ExecutorResourceRequests()
            .resource(
                TaskDevice.GPU,
                amount(ADDED_EXECUTOR),
                conf.get(ADDED_EXECUTOR + "discoveryScript", ""),
                conf.get(ADDED_EXECUTOR + "vendor", ""));
    if (conf.contains("spark.executor.cores")) {
      requests.cores(conf.getInt("spark.executor.cores", 1));
    }
    return requests;
  }
}
