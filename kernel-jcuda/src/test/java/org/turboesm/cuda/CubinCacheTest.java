package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CubinCacheTest {
  private static final CompiledKernels KERNELS =
      new CompiledKernels(
          new byte[] {0x7F, 'E', 'L', 'F', 0, -1},
          List.of(
              new KernelSignature("first", List.of("u64", "f32")),
              new KernelSignature("second", List.of())));

  private static final KernelSource SOURCE =
      new KernelSource("a.cu", "kernel", Map.of("b.cuh", "header"));
  private static final List<String> OPTIONS = List.of("--gpu-architecture=sm_90", "-DN=1");

  @TempDir Path folder;
  private int compilations;

  private CompiledKernels compile() {
    compilations++;
    return KERNELS;
  }

  @Test
  void secondCacheFindsWhatTheFirstHasKept() {
    new CubinCache(Optional.of(folder.resolve("new/folders"))).get("key", this::compile);
    CompiledKernels kept =
        new CubinCache(Optional.of(folder.resolve("new/folders"))).get("key", this::compile);

    assertThat(compilations).isEqualTo(1);
    assertThat(kept.cubin()).isEqualTo(KERNELS.cubin());
    assertThat(kept.signatures()).isEqualTo(KERNELS.signatures());
  }

  @Test
  void otherKeyIsCompiled() {
    CubinCache cache = new CubinCache(Optional.of(folder));
    cache.get("key", this::compile);
    cache.get("other", this::compile);

    assertThat(compilations).isEqualTo(2);
  }

  @Test
  void onlyWholeFilesAreLeft() throws IOException {
    new CubinCache(Optional.of(folder)).get("key", this::compile);

    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(folder.resolve("key.cubin"));
    }
  }

  /** Each byte in turn flipped, and each shorter file. */
  @Test
  void damagedFileIsCompiledAnewAndReplaced() throws IOException {
    CubinCache cache = new CubinCache(Optional.of(folder));
    cache.get("key", this::compile);
    Path file = folder.resolve("key.cubin");
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < whole.length; i++) {
      byte[] flipped = whole.clone();
      flipped[i] ^= 1;
      for (byte[] damaged : List.of(flipped, java.util.Arrays.copyOf(whole, i))) {
        Files.write(file, damaged);
        int before = compilations;
        CompiledKernels found = cache.get("key", this::compile);

        assertThat(compilations).as("byte %d", i).isEqualTo(before + 1);
        assertThat(found.cubin()).isEqualTo(KERNELS.cubin());
        assertThat(Files.readAllBytes(file)).isEqualTo(whole);
      }
    }
  }

  /** A folder cannot be made where a file is: true for every user, root too. */
  @Test
  void folderThatCannotBeWrittenOnlyCostsTime() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "no folder");
    CubinCache cache = new CubinCache(Optional.of(file.resolve("cubins")));

    assertThat(cache.get("key", this::compile).cubin()).isEqualTo(KERNELS.cubin());
    assertThat(cache.get("key", this::compile).cubin()).isEqualTo(KERNELS.cubin());
    assertThat(compilations).isEqualTo(2);
    assertThat(file).hasContent("no folder");
  }

  @Test
  void withoutFolderAllIsCompiled() throws IOException {
    CubinCache cache = new CubinCache(Optional.empty());
    cache.get("key", this::compile);
    cache.get("key", this::compile);

    assertThat(compilations).isEqualTo(2);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void keyChangesWithEachPart() {
    Set<String> keys = new LinkedHashSet<>();
    keys.add(CubinCache.key(SOURCE, OPTIONS, "12.6"));
    keys.add(CubinCache.key(SOURCE, OPTIONS, "12.9"));
    keys.add(CubinCache.key(SOURCE, List.of("--gpu-architecture=sm_80", "-DN=1"), "12.6"));
    keys.add(CubinCache.key(SOURCE, List.of("--gpu-architecture=sm_90", "-DN=11"), "12.6"));
    keys.add(CubinCache.key(SOURCE, OPTIONS.subList(0, 1), "12.6"));
    keys.add(CubinCache.key(source("c.cu", "kernel", "b.cuh", "header"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(source("a.cu", "kernels", "b.cuh", "header"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(source("a.cu", "kernel", "d.cuh", "header"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(source("a.cu", "kernel", "b.cuh", "headers"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(new KernelSource("a.cu", "kernel", Map.of()), OPTIONS, "12.6"));

    assertThat(keys).hasSize(10).allMatch(key -> key.matches("[0-9a-f]{64}"));
    assertThat(CubinCache.key(SOURCE, OPTIONS, "12.6")).isEqualTo(keys.iterator().next());
  }

  /** What ends one part must not begin the next. */
  @Test
  void partsDoNotRunIntoEachOther() {
    assertThat(CubinCache.key(source("a.cu", "kernel", "b.cuh", "header"), OPTIONS, "12.6"))
        .isNotEqualTo(
            CubinCache.key(source("a.cu", "kernelb", ".cuh", "header"), OPTIONS, "12.6"));
  }

  private static KernelSource source(String file, String text, String header, String headerText) {
    return new KernelSource(file, text, Map.of(header, headerText));
  }
}
