package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Recorded work, and marks in a stream. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaStreamTest {
  private final OpenDevice device = new OpenDevice();
  private final CudaStream stream = device.stream();

  @AfterAll
  void close() {
    device.close();
  }

  @Test
  void recordedWorkRunsAtEachLaunchAndNotBefore() {
    try (DeviceBuffer values = device.upload(1f, 1f);
        CudaGraph graph =
            stream.capture(
                () -> {
                  device.scaleAndShift(values, 2, 2f, 0);
                  device.scaleAndShift(values, 1, 1f, 1);
                })) {
      assertThat(values.floats(2)).containsExactly(1f, 1f);
      graph.launch(stream);
      assertThat(values.floats(2)).containsExactly(3f, 2f);
      graph.launch(stream);
      graph.launch(stream);
      assertThat(values.floats(2)).containsExactly(15f, 8f);
    }
  }

  /** What a graph works on is read when it runs: that is how one serves many decode steps. */
  @Test
  void launchReadsWhatLiesOnTheDeviceThen() {
    try (DeviceBuffer source = device.upload(5f);
        DeviceBuffer target = device.upload(0f);
        CudaGraph graph =
            stream.capture(
                () -> {
                  stream.copy(source, target, 4);
                  device.scaleAndShift(target, 1, 10f, 0);
                })) {
      graph.launch(stream);
      assertThat(target.floats(1)).containsExactly(50f);
      device.scaleAndShift(source, 1, 0f, 7);
      graph.launch(stream);
      assertThat(target.floats(1)).containsExactly(70f);
    }
  }

  @Test
  void errorInTheWorkLeavesTheStreamUsable() {
    try (DeviceBuffer values = device.upload(1f)) {
      assertThatThrownBy(
              () ->
                  stream.capture(
                      () -> {
                        device.scaleAndShift(values, 1, 2f, 0);
                        throw new IllegalStateException("enough");
                      }))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("enough");
      assertStillRuns(values);
    }
  }

  @Test
  void waitingWhileRecordingIsAnErrorThatLeavesTheStreamUsable() {
    try (DeviceBuffer values = device.upload(1f)) {
      assertThatThrownBy(
              () ->
                  stream.capture(
                      () -> {
                        device.scaleAndShift(values, 1, 2f, 0);
                        stream.synchronize();
                      }))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("cuStreamSynchronize failed with CUDA_ERROR_STREAM_CAPTURE");
      assertThat(device.context().healthy()).isTrue();
      assertStillRuns(values);
    }
  }

  private void assertStillRuns(DeviceBuffer values) {
    device.scaleAndShift(values, 1, 3f, 0);
    assertThat(values.floats(1)).containsExactly(3f);
    try (CudaGraph graph = stream.capture(() -> device.scaleAndShift(values, 1, 3f, 0))) {
      graph.launch(stream);
      assertThat(values.floats(1)).containsExactly(9f);
    }
  }

  @Test
  void marksTellTheTimeBetweenThem() {
    try (CudaEvent start = new CudaEvent(device.context());
        CudaEvent end = new CudaEvent(device.context());
        DeviceBuffer values = device.upload(new float[4096])) {
      start.record(stream);
      device.scaleAndShift(values, 4096, 1f, 0);
      end.record(stream);
      assertThat(end.millisecondsSince(start)).isGreaterThan(0f).isLessThan(60_000f);
    }
  }

  @Test
  void closingTwiceIsClosingOnce() {
    CudaStream other = new CudaStream(device.context());
    other.close();
    other.close();
    CudaEvent event = new CudaEvent(device.context());
    event.close();
    event.close();
    assertThat(device.context().healthy()).isTrue();
  }
}
