package org.turboesm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Test;
import org.turboesm.TurboEsmException;

@SuppressWarnings("try") // A PointerScope acts by being open.
class NativeMemoryTest {

  @Test
  void refusedMemoryIsAnErrorThatSaysWhatForHowMuchAndWhatToDo() {
    OneDnn library = OneDnn.get();
    try (PointerScope scope = new PointerScope()) {
      memory.desc impossible =
          new memory.desc(new long[] {1L << 46}, memory.data_type.u8, memory.format_tag.a);
      assertThatThrownBy(() -> NativeMemory.allocate(library, impossible, "a layer's weights"))
          .isInstanceOf(TurboEsmException.class)
          .hasMessageStartingWith(
              "no native memory for a layer's weights: " + (1L << 36) + " KiB refused (")
          .hasMessageContaining("spark.executor.memoryOverhead");
    }
  }
}
