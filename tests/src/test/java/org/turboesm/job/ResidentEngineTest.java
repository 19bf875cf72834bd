package org.turboesm.job;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.turboesm.udf.EngineHolder;
import org.turboesm.udf.EngineSpec;
import org.turboesm.udf.Lease;
import org.turboesm.udf.ResidentModel;

/** What an executor keeps resident of an engine that uses a device. */
class ResidentEngineTest {
  private static final String MODEL = InProcess.goldenModel("esm_hd16");

  private static EngineSpec onDevice(String engine, int device) {
    return new EngineSpec(MODEL, engine, "f32", device, 1);
  }

  private static ResidentModel leaseAndRelease(EngineSpec spec) {
    try (Lease<ResidentModel> lease = EngineHolder.lease(spec)) {
      return lease.value();
    }
  }

  @Test
  void modelsOfTwoDevicesStayResidentSideBySide() {
    ResidentModel first = leaseAndRelease(onDevice(SmallDeviceEngineProvider.NAME, 1));
    ResidentModel second = leaseAndRelease(onDevice(SmallDeviceEngineProvider.NAME, 2));

    assertThat(first.engine().capabilities().description()).isEqualTo("device 1");
    assertThat(second.engine().capabilities().description()).isEqualTo("device 2");
    assertThat(leaseAndRelease(onDevice(SmallDeviceEngineProvider.NAME, 1))).isSameAs(first);
    assertThat(leaseAndRelease(onDevice(SmallDeviceEngineProvider.NAME, 2))).isSameAs(second);
  }

  @Test
  void engineWithoutADeviceIsResidentOnce() {
    assertThat(leaseAndRelease(onDevice("reference", 1)))
        .isSameAs(leaseAndRelease(onDevice("reference", 2)));
  }

  @Test
  void engineThatLostItsDeviceIsReplaced() {
    EngineSpec spec = onDevice(SmallDeviceEngineProvider.NAME, 3);
    ResidentModel broken;
    try (Lease<ResidentModel> lease = EngineHolder.lease(spec)) {
      broken = lease.value();
      ((SmallDeviceEngine) broken.engine()).lose();
    }
    ResidentModel next = leaseAndRelease(spec);

    assertThat(next).isNotSameAs(broken);
    assertThat(next.engine().healthy()).isTrue();
  }
}
