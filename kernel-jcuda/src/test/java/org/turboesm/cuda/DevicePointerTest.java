package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jcuda.driver.CUdeviceptr;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DevicePointerTest {
  private static final DevicePointer WHOLE = new DeviceRange(new CUdeviceptr(), 100);

  @ParameterizedTest
  @CsvSource({"0, 100", "0, 0", "100, 0", "99, 1", "40, 20"})
  void partsWithinAreGivenWithTheirSize(long offset, long length) {
    assertThat(WHOLE.range(offset, length).bytes()).isEqualTo(length);
  }

  @Test
  void partOfAPartCountsFromThePart() {
    DevicePointer part = WHOLE.range(40, 20);

    assertThat(part.range(5, 15).bytes()).isEqualTo(15);
    assertThat(part.range(5, 15).handle()).isEqualTo(WHOLE.range(45, 1).handle());
    assertThatThrownBy(() -> part.range(5, 16)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 101",
    "1, 100",
    "101, 0",
    "-1, 1",
    "0, -1",
    "9223372036854775807, 1",
    "1, 9223372036854775807"
  })
  void partsThatDoNotLieWithinAreRefused(long offset, long length) {
    assertThatThrownBy(() -> WHOLE.range(offset, length))
        .isInstanceOf(IndexOutOfBoundsException.class)
        .hasMessage("%d bytes at %d of 100 on the device", length, offset);
  }
}
