package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.turboesm.OutOfDeviceMemoryException;

/** Buffers, arenas, pinned memory, copies between them, and the count of what is allocated. */
@Tag("cuda")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DeviceMemoryTest {
  private static final String PURPOSE = "a test";

  private final OpenDevice device = new OpenDevice();
  private final CudaContext context = device.context();

  @AfterAll
  void close() {
    device.close();
  }

  @Test
  void valuesOfAllTypesComeBack() {
    float[] floats = {1.5f, -0f, Float.NaN, Float.MIN_VALUE};
    int[] ints = {Integer.MIN_VALUE, 0, 7};
    short[] shorts = {Short.MIN_VALUE, 5};
    byte[] bytes = {-128, 0, 127};
    try (DeviceBuffer f = DeviceBuffer.of(context, floats, PURPOSE);
        DeviceBuffer i = DeviceBuffer.of(context, ints, PURPOSE);
        DeviceBuffer s = DeviceBuffer.of(context, shorts, PURPOSE);
        DeviceBuffer b = DeviceBuffer.of(context, bytes, PURPOSE)) {
      assertThat(f.floats(4)).isEqualTo(floats);
      assertThat(f.floats(2)).containsExactly(1.5f, -0f);
      assertThat(i.ints(3)).isEqualTo(ints);
      assertThat(s.shorts(2)).isEqualTo(shorts);
      assertThat(b.bytes(3)).isEqualTo(bytes);
    }
  }

  @Test
  void emptyBufferIsUsable() {
    try (DeviceBuffer empty = device.upload(new int[0])) {
      assertThat(empty.bytes()).isZero();
      assertThat(empty.ints(0)).isEmpty();
    }
  }

  @Test
  void moreThanABufferHoldsIsNotRead() {
    try (DeviceBuffer buffer = device.upload(1, 2)) {
      assertThatThrownBy(() -> buffer.ints(3))
          .isInstanceOf(IndexOutOfBoundsException.class)
          .hasMessage("12 bytes of 8 on the device");
    }
  }

  @Test
  void allocatedBytesAndTheirPeakAreCounted() {
    long before = context.allocatedBytes();
    try (DeviceBuffer small = DeviceBuffer.allocate(context, 1000, PURPOSE)) {
      DeviceBuffer large = DeviceBuffer.allocate(context, 1 << 24, PURPOSE);
      assertThat(context.allocatedBytes()).isEqualTo(before + 1000 + (1 << 24));
      large.close();
      large.close();
      assertThat(context.allocatedBytes()).isEqualTo(before + small.bytes());
      assertThat(context.peakBytes()).isGreaterThanOrEqualTo(before + 1000 + (1 << 24));
    }
    assertThat(context.allocatedBytes()).isEqualTo(before);
  }

  @Test
  void closedBufferIsFreeOnTheDevice() {
    long free = context.freeBytes();
    DeviceBuffer.allocate(context, 1 << 24, PURPOSE).close();

    assertThat(context.freeBytes()).isEqualTo(free);
  }

  @Test
  void tooMuchIsRefusedInWordsAndTheContextStaysHealthy() {
    long before = context.allocatedBytes();
    long tooMuch = device.context().device().memoryBytes() + 1;

    assertThatThrownBy(() -> DeviceBuffer.allocate(context, tooMuch, "a wish"))
        .isInstanceOf(OutOfDeviceMemoryException.class)
        .hasMessageContaining(String.format("allocating %,d bytes for a wish on GPU 0 ", tooMuch))
        .hasMessageContaining(String.format("(%,d allocated already)", before))
        .hasMessageContaining("CUDA_ERROR_OUT_OF_MEMORY")
        .hasMessageContaining("smaller batches (--batch-tokens)");
    assertThat(context.healthy()).isTrue();
    assertThat(context.allocatedBytes()).isEqualTo(before);
    try (DeviceBuffer buffer = device.upload(3)) {
      assertThat(buffer.ints(1)).containsExactly(3);
    }
  }

  @Test
  void partsAreCopiedWithinTheDevice() {
    try (DeviceBuffer source = device.upload(1, 2, 3, 4);
        DeviceBuffer target = device.upload(9, 9, 9, 9)) {
      context.copy(source.range(4, 8), target.range(8, 8));
      assertThat(target.ints(4)).containsExactly(9, 9, 2, 3);
      assertThatThrownBy(() -> context.copy(source, target.range(4, 12)))
          .isInstanceOf(IndexOutOfBoundsException.class)
          .hasMessage("a copy of 16 bytes to 12");
    }
  }

  @Test
  void streamCopiesThroughPinnedMemoryAndClears() {
    try (PinnedBuffer host = new PinnedBuffer(context, 16);
        PinnedBuffer back = new PinnedBuffer(context, 16);
        DeviceBuffer first = DeviceBuffer.allocate(context, 16, PURPOSE);
        DeviceBuffer second = DeviceBuffer.allocate(context, 16, PURPOSE)) {
      host.ints().put(0, new int[] {1, -2, 3, -4});
      device.stream().copy(host, first, 16);
      device.stream().copy(first, second, 16);
      device.stream().clear(second.range(4, 4));
      device.stream().copy(second, back, 12);
      device.stream().synchronize();
      int[] values = new int[3];
      back.ints().get(0, values);
      assertThat(values).containsExactly(1, 0, 3);
      assertThat(second.ints(4)).containsExactly(1, 0, 3, -4);
    }
  }

  @Test
  void pinnedMemoryHasOneContentInAllViews() {
    try (PinnedBuffer host = new PinnedBuffer(context, 8)) {
      host.floats().put(1, 1f);
      assertThat(host.ints().get(1)).isEqualTo(0x3F800000);
      assertThat(host.shorts().get(3)).isEqualTo((short) 0x3F80);
    }
  }

  @Test
  void freedPinnedMemoryIsNotShown() {
    PinnedBuffer host = new PinnedBuffer(context, 8);
    host.close();
    assertThatThrownBy(host::ints).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void copiesLargerThanEitherEndAreRefused() {
    try (PinnedBuffer host = new PinnedBuffer(context, 16);
        DeviceBuffer buffer = DeviceBuffer.allocate(context, 8, PURPOSE)) {
      assertThatThrownBy(() -> device.stream().copy(host, buffer, 12))
          .isInstanceOf(IndexOutOfBoundsException.class)
          .hasMessage("a copy of 12 bytes from 16 to 8");
      assertThatThrownBy(() -> device.stream().copy(buffer, host, 12))
          .hasMessage("a copy of 12 bytes from 8 to 16");
      assertThatThrownBy(() -> device.stream().copy(buffer, buffer, -1))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void pinnedMemoryIsAtMostWhatAJavaBufferShows() {
    assertThatThrownBy(() -> new PinnedBuffer(context, 1L << 31))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("2147483648 bytes of pinned memory");
    assertThatThrownBy(() -> new PinnedBuffer(context, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void arenaHandsOutAlignedPartsThatDoNotOverlap() {
    try (DeviceArena arena = new DeviceArena(context, PURPOSE)) {
      assertThat(arena.reset(3 * DeviceArena.aligned(1))).isTrue();
      DevicePointer first = arena.take(1);
      DevicePointer second = arena.take(256);
      DevicePointer third = arena.take(8);
      device.stream().clear(first);
      device.stream().clear(second);
      device.stream().clear(third);
      device.stream().synchronize();
      assertThat(second.handle()).isEqualTo(first.handle().withByteOffset(256));
      assertThat(third.handle()).isEqualTo(first.handle().withByteOffset(512));
      assertThatThrownBy(() -> arena.take(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("a test: 1 more bytes than planned, of 768");
    }
  }

  @Test
  void arenaMovesOnlyToGrow() {
    try (DeviceArena arena = new DeviceArena(context, PURPOSE)) {
      assertThat(arena.bytes()).isZero();
      assertThatThrownBy(() -> arena.take(1)).isInstanceOf(IllegalStateException.class);
      arena.reset(1024);
      DevicePointer part = arena.take(1024);
      assertThat(arena.reset(512)).isFalse();
      assertThat(arena.take(512).handle()).isEqualTo(part.handle());
      assertThat(arena.reset(1024)).isFalse();
      assertThat(arena.reset(1025)).isTrue();
      assertThat(arena.bytes()).isEqualTo(1025);
    }
  }

  @Test
  void arenaThatFindsNoMemoryIsEmptyAndUsable() {
    long before = context.allocatedBytes();
    try (DeviceArena arena = new DeviceArena(context, PURPOSE)) {
      arena.reset(1024);
      assertThatThrownBy(() -> arena.reset(context.device().memoryBytes() + 1))
          .isInstanceOf(OutOfDeviceMemoryException.class);
      assertThat(arena.bytes()).isZero();
      assertThat(context.allocatedBytes()).isEqualTo(before);
      arena.reset(16);
      assertThat(arena.take(16).bytes()).isEqualTo(16);
    }
    assertThat(context.allocatedBytes()).isEqualTo(before);
  }
}
