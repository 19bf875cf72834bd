package org.turboesm.udf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.spark.SparkConf;
import org.apache.spark.resource.ExecutorResourceRequest;
import org.apache.spark.resource.ResourceProfile;
import org.junit.jupiter.api.Test;
import org.turboesm.TurboEsmException;

class GpuConfTest {
  private static final String EXECUTOR_GPUS = "spark.executor.resource.gpu.amount";
  private static final String ADDED_GPUS = "spark.turboesm.executor.resource.gpu.amount";
  private static final String DYNAMIC = "spark.dynamicAllocation.enabled";

  private final SparkConf conf = new SparkConf(false);

  private ResourceProfile profile(int tasksPerGpu) {
    return new GpuConf(conf).profile(tasksPerGpu);
  }

  @Test
  void withoutGpusNothingIsAskedFor() {
    assertThat(profile(2)).isNull();
    assertThat(new GpuConf(conf.set(EXECUTOR_GPUS, "0")).profile(2)).isNull();
  }

  @Test
  void tasksShareTheGpusOfTheExecutorsThatAreThere() {
    conf.set(EXECUTOR_GPUS, "4");
    ResourceProfile profile = profile(3);

    assertThat(profile.executorResourcesJMap()).isEmpty();
    assertThat(profile.taskResourcesJMap()).containsOnlyKeys("gpu");
    assertThat(profile.taskResourcesJMap().get("gpu").amount()).isEqualTo(1.0 / 3);
  }

  @Test
  void dynamicAllocationAddsExecutorsWithGpusForTheModelAlone() {
    conf.set(DYNAMIC, "true").set(ADDED_GPUS, "2").set("spark.executor.cores", "8");
    conf.set("spark.turboesm.executor.resource.gpu.discoveryScript", "/x.sh");
    conf.set("spark.turboesm.executor.resource.gpu.vendor", "nvidia.com");
    ResourceProfile profile = profile(2);

    ExecutorResourceRequest gpus = profile.executorResourcesJMap().get("gpu");
    assertThat(gpus.amount()).isEqualTo(2);
    assertThat(gpus.discoveryScript()).isEqualTo("/x.sh");
    assertThat(gpus.vendor()).isEqualTo("nvidia.com");
    assertThat(profile.executorResourcesJMap().get("cores").amount()).isEqualTo(8);
    assertThat(profile.taskResourcesJMap().get("gpu").amount()).isEqualTo(0.5);
  }

  @Test
  void dynamicAllocationOfExecutorsWithGpusLeavesTasksToSpark() {
    conf.set(DYNAMIC, "true").set(EXECUTOR_GPUS, "1").set("spark.task.resource.gpu.amount", "0.5");
    assertThat(profile(2)).isNull();
  }

  @Test
  void dynamicAllocationThatGivesTasksNoGpuIsRefused() {
    conf.set(DYNAMIC, "true").set(EXECUTOR_GPUS, "1");
    assertThatThrownBy(() -> profile(2))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("spark.task.resource.gpu.amount")
        .hasMessageContaining(ADDED_GPUS);
  }

  @Test
  void addedExecutorsWithoutDynamicAllocationAreRefused() {
    conf.set(ADDED_GPUS, "1");
    assertThatThrownBy(() -> profile(2))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining(DYNAMIC)
        .hasMessageContaining(EXECUTOR_GPUS);
  }
}
