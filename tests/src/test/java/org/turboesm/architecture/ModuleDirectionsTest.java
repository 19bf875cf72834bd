package org.turboesm.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Dependencies point one way: spark-job -> udf -> kernel-jcuda, and the kernel knows no Spark. */
@AnalyzeClasses(packages = "org.turboesm", importOptions = DoNotIncludeTests.class)
class ModuleDirectionsTest {

  private static final String UDF = "org.turboesm.udf..";
  private static final String JOB = "org.turboesm.job..";

  /** Whatever is in neither of the other modules' packages, so that no new package escapes. */
  private static final DescribedPredicate<JavaClass> KERNEL =
      JavaClass.Predicates.resideInAPackage("org.turboesm..")
          .and(JavaClass.Predicates.resideOutsideOfPackages(UDF, JOB))
          .as("kernel classes");

  @ArchTest
  static final ArchRule kernelKnowsNoSpark =
      noClasses()
          .that(KERNEL)
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.apache.spark..");

  @ArchTest
  static final ArchRule kernelKnowsNoScala =
      noClasses().that(KERNEL).should().dependOnClassesThat().resideInAPackage("scala..");

  @ArchTest
  static final ArchRule kernelKnowsNeitherUdfNorJob =
      noClasses().that(KERNEL).should().dependOnClassesThat().resideInAnyPackage(UDF, JOB);

  @ArchTest
  static final ArchRule udfKnowsNoJob =
      noClasses()
          .that()
          .resideInAPackage(UDF)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(JOB)
          .allowEmptyShould(true);

  @ArchTest
  static final ArchRule topPackagesFormNoCycle =
      slices().matching("org.turboesm.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule classesAreNamedForWhatTheyDo =
      classes()
          .should()
          .haveSimpleNameNotEndingWith("Utils")
          .andShould()
          .haveSimpleNameNotEndingWith("Util")
          .andShould()
          .haveSimpleNameNotEndingWith("Helper")
          .andShould()
          .haveSimpleNameNotEndingWith("Manager");
}
