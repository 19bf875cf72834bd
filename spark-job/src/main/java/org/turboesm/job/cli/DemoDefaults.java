package org.turboesm.job.cli;

import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * What the demo does less of than a run, so that it ends within three minutes on two cores: decode
 * is the slowest mode, and fidelity runs each protein several times.
 */
final class DemoDefaults implements IDefaultValueProvider {

  @Override
  public String defaultValue(ArgSpec argument) {
    if (argument instanceof OptionSpec option) {
      return switch (option.longestName()) {
        case "--prefill" -> "0.8";
        case "--fidelity-sample" -> "16";
        default -> null;
      };
    }
    return null;
  }
}
